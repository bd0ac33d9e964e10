//! What the fuzzer has found, and what is close to it, put to every target of `fuzz`. A crate of its own, because it
//! sets the panic hook of its process.

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "there it is a library")]
mod targets;

use std::fs;

use fastrand::Rng;

/// How often each seed is changed, each time anew.
const CHANGES: usize = 20;

#[test]
fn neither_what_the_fuzzer_found_nor_what_is_close_to_it_does_harm() {
    // a panic in a task of the server would end that task alone
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        std::process::abort();
    }));
    for (name, target) in targets::TARGETS {
        let mut seeds: Vec<_> =
            fs::read_dir(format!("fuzz/corpus/{name}")).unwrap().map(|file| file.unwrap().path()).collect();
        // in any order, the changes have to be the same
        seeds.sort();
        let seeds: Vec<_> = seeds.iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        let mut chance = Rng::with_seed(20);
        for seed in &seeds {
            target(seed);
            for _ in 0..CHANGES {
                target(&changed(seed, &seeds, &mut chance));
            }
        }
    }
}

/// A seed with some places changed.
fn changed(seed: &[u8], others: &[Vec<u8>], chance: &mut Rng) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..chance.usize(1..4) {
        let place = chance.usize(..=data.len());
        let end = (place + chance.usize(..16)).min(data.len());
        match chance.u8(..4) {
            0 => drop(data.drain(place..end)),
            1 => data.insert(place, chance.u8(..)),
            2 => drop(data.splice(place..place, data[place..end].to_vec().repeat(chance.usize(1..9)))),
            _ => {
                let other = &others[chance.usize(..others.len())];
                let start = chance.usize(..=other.len());
                let piece = &other[start..(start + 16).min(other.len())];
                drop(data.splice(place..end, piece.iter().copied()));
            }
        }
    }
    data
}
