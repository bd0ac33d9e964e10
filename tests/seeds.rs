//! Runs the inputs found by the fuzzer, and random variations of them, through every target of `fuzz`. It is a separate
//! crate because it sets the panic hook of its process.

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "there it is a library")]
mod targets;

use std::fs;

use fastrand::Rng;

/// The number of variations of each seed.
const VARIATIONS: usize = 20;

#[test]
fn seeds_and_their_variations_cause_no_panic() {
    // a panic in a task of the server would only end that task
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        std::process::abort();
    }));
    for (name, target) in targets::TARGETS {
        let mut seeds: Vec<_> =
            fs::read_dir(format!("fuzz/corpus/{name}")).unwrap().map(|file| file.unwrap().path()).collect();
        // sorted, so that the variations are reproducible
        seeds.sort();
        let seeds: Vec<_> = seeds.iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        let mut chance = Rng::with_seed(20);
        for seed in &seeds {
            target(seed);
            for _ in 0..VARIATIONS {
                target(&varied(seed, &seeds, &mut chance));
            }
        }
    }
}

/// Returns a random variation of a seed.
fn varied(seed: &[u8], others: &[Vec<u8>], chance: &mut Rng) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..chance.usize(1..4) {
        let start = chance.usize(..=data.len());
        let end = (start + chance.usize(..16)).min(data.len());
        match chance.u8(..4) {
            0 => drop(data.drain(start..end)),
            1 => data.insert(start, chance.u8(..)),
            2 => drop(data.splice(start..start, data[start..end].to_vec().repeat(chance.usize(1..9)))),
            _ => {
                let other = &others[chance.usize(..others.len())];
                let from = chance.usize(..=other.len());
                let piece = &other[from..(from + 16).min(other.len())];
                drop(data.splice(start..end, piece.iter().copied()));
            }
        }
    }
    data
}
