//! Lists of names for people.

/// The number of names that are listed.
const MOST: usize = 5;

/// Lists the first five names, and counts the others: `a, b, c, d, e and 2 more`.
pub fn listed(names: &[String]) -> String {
    match names.len().saturating_sub(MOST) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..MOST].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_names_are_listed_and_the_others_are_counted() {
        let names: Vec<_> = ["a", "b", "c", "d", "e", "f", "g"].map(str::to_owned).into();
        assert_eq!(listed(&names[..1]), "a");
        assert_eq!(listed(&names[..5]), "a, b, c, d, e");
        assert_eq!(listed(&names), "a, b, c, d, e and 2 more");
    }
}
