//! The quota announced by a response in `Ratelimit` and `Ratelimit-Policy`, drafts of the IETF's HTTPAPI group.

use std::time::Duration;

use reqwest::header::HeaderMap;

use super::LONGEST_BLOCK;

/// An announced quota, which several clients may share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cloudflare) struct Announcement {
    /// The number of requests left.
    pub(in crate::cloudflare) remaining: u32,
    /// The time until the window resets, in whole seconds.
    pub(in crate::cloudflare) reset: Duration,
    /// The number of requests per window, if announced.
    pub(in crate::cloudflare) quota: Option<u32>,
}

impl Announcement {
    /// Parses the first limit, such as `"default";r=50;t=30`, and the `q` of the policy of that name, or else of the first
    /// policy.
    pub(in crate::cloudflare) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name)?.to_str().ok();
        let announced = Item::all(text("ratelimit")?).next()?;
        let policies = || Item::all(text("ratelimit-policy").unwrap_or_default());
        let policy = policies().find(|policy| policy.name == announced.name).or_else(|| policies().next());
        Some(Self {
            remaining: announced.number("r")?,
            reset: Duration::from_secs(announced.number("t")?.into()).min(LONGEST_BLOCK),
            quota: policy.and_then(|policy| policy.number("q")),
        })
    }
}

/// A name with parameters.
struct Item<'t> {
    name: &'t str,
    parameters: &'t str,
}

impl<'t> Item<'t> {
    fn all(text: &'t str) -> impl Iterator<Item = Self> {
        text.split(',').map(|item| {
            let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
            Self { name: name.trim(), parameters }
        })
    }

    fn number(&self, name: &str) -> Option<u32> {
        let mut parameters = self.parameters.split(';');
        parameters.find_map(|parameter| parameter.trim().strip_prefix(name)?.strip_prefix('='))?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn read(limit: &'static str, policy: Option<&'static str>) -> Option<(u32, u64, Option<u32>)> {
        let mut headers = HeaderMap::new();
        headers.insert("ratelimit", HeaderValue::from_static(limit));
        if let Some(policy) = policy {
            headers.insert("ratelimit-policy", HeaderValue::from_static(policy));
        }
        let announced = Announcement::of(&headers)?;
        Some((announced.remaining, announced.reset.as_secs(), announced.quota))
    }

    #[test]
    fn an_announcement_has_the_remaining_requests_and_the_reset_time() {
        assert_eq!(read(r#""default";r=50;t=30"#, None), Some((50, 30, None)));
        assert_eq!(read(r#""burst"; t=5; r=0, "other";r=9;t=9"#, None), Some((0, 5, None)));
        for text in ["", "default", r#""default";r=50"#, r#""default";r=-1;t=30"#, r#""default";r=x;t=1"#] {
            assert_eq!(read(text, None), None, "{text}");
        }
        assert_eq!(Announcement::of(&HeaderMap::new()), None);
    }

    #[test]
    fn the_reset_time_is_at_most_ten_minutes() {
        assert_eq!(read(r#""default";r=0;t=600"#, None), Some((0, 600, None)));
        assert_eq!(read(r#""default";r=0;t=86400"#, None), Some((0, 600, None)));
        assert_eq!(read(r#""default";r=0;t=4294967295"#, None), Some((0, 600, None)));
    }

    #[test]
    fn the_quota_comes_from_the_policy_of_the_same_name_or_else_from_the_first() {
        let quota = |policy| read(r#""default";r=50;t=30"#, Some(policy)).unwrap().2;
        assert_eq!(quota(r#""burst";q=100;w=60"#), Some(100));
        assert_eq!(quota(r#""burst";q=100;w=60, "default";w=300;q=1200"#), Some(1200));
        for policy in ["", "burst", r#""default";q=many"#, r#""default";w=60"#] {
            assert_eq!(quota(policy), None, "{policy}");
        }
    }
}
