//! The runbooks. They are part of the binary, so that they are available without network access.

use std::sync::LazyLock;

use askama::Template;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use super::layout::Layout;

const TEXT: &str = include_str!("../../../docs/alerts.md");

/// The page.
#[derive(Template)]
#[template(path = "runbooks.html")]
pub(super) struct Page {
    pub(super) layout: Layout,
}

impl Page {
    fn contents(&self) -> &'static [(String, String)] {
        &RUNBOOKS.contents
    }

    fn html(&self) -> &'static str {
        &RUNBOOKS.html
    }
}

static RUNBOOKS: LazyLock<Runbooks> = LazyLock::new(|| Runbooks::new(TEXT));

/// The runbooks as HTML.
struct Runbooks {
    /// The headings of the second level, each with its id.
    contents: Vec<(String, String)>,
    html: String,
}

impl Runbooks {
    /// Renders Markdown. Headings get the same ids as on GitHub, and links to other files become plain text.
    fn new(markdown: &str) -> Self {
        let mut events: Vec<_> = Parser::new_ext(markdown, Options::ENABLE_TABLES).collect();
        let mut contents = Vec::new();
        for start in 0..events.len() {
            let text = text_of(&events[start..]);
            if let Event::Start(Tag::Heading { level, id, .. }) = &mut events[start] {
                let slug = slug(&text);
                *id = Some(slug.clone().into());
                if *level == HeadingLevel::H2 {
                    contents.push((slug, text));
                }
            }
        }
        let mut kept = Vec::new();
        let shown = events.into_iter().filter(|event| match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                let leads = dest_url.starts_with('#') || dest_url.starts_with("https://");
                kept.push(leads);
                leads
            }
            Event::End(TagEnd::Link) => kept.pop().unwrap_or(true),
            _ => true,
        });
        let mut html = String::new();
        html::push_html(&mut html, shown);
        Self { contents, html }
    }
}

/// Returns the text of the heading that begins here.
fn text_of(events: &[Event<'_>]) -> String {
    let inside = events.iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    inside
        .filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(&**text),
            _ => None,
        })
        .collect()
}

fn slug(text: &str) -> String {
    let kept = text.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Finding;

    #[test]
    fn headings_have_the_ids_of_github_and_relative_links_become_text() {
        let text = "# The `top` [level](../a.md)\n## First look\nSee [here](#x), [a](../b.md) and <https://c.example>.";
        let runbooks = Runbooks::new(text);
        assert_eq!(runbooks.contents, [("first-look".to_owned(), "First look".to_owned())]);
        assert_eq!(
            runbooks.html,
            "<h1 id=\"the-top-level\">The <code>top</code> level</h1>\n<h2 id=\"first-look\">First look</h2>\n\
             <p>See <a href=\"#x\">here</a>, a and <a href=\"https://c.example\">https://c.example</a>.</p>\n"
        );
    }

    #[test]
    fn links_from_findings_and_between_runbooks_lead_to_headings() {
        let html = &RUNBOOKS.html;
        for finding in Finding::ALL {
            let href = crate::http::pages::words::runbook(finding);
            let id = href.strip_prefix("/runbooks#").unwrap();
            assert!(html.contains(&format!("<h2 id=\"{id}\">")), "{finding:?}");
        }
        for link in html.split("href=\"#").skip(1) {
            let id = link.split('"').next().unwrap();
            assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
        }
        assert!(!html.contains("style="));
    }
}
