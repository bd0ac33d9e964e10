//! The key `ignore`, which lists findings to ignore.

use super::section::Section;
use crate::domain::{Finding, Ignored, Subject};

const IGNORE: &str = "ignore";

/// Reads the findings to ignore of a zone or of a hostname. Those of a zone also apply to its hostnames and
/// certificates.
pub(super) fn ignored(section: &mut Section<'_>, subject: Subject) -> Ignored {
    let is_about = |finding: &Finding| match subject {
        Subject::Zone => [Subject::Zone, Subject::Hostname, Subject::Certificate]
            .into_iter()
            .any(|subject| finding.is_about(subject)),
        subject => finding.is_about(subject),
    };
    let mut ignored: Vec<Finding> = Vec::new();
    for item in section.items(IGNORE, "a list of findings, such as [\"expires_soon\"]") {
        let code = item.get_ref().as_str();
        let finding = Finding::ALL.into_iter().find(|finding| Some(finding.code()) == code);
        match finding {
            Some(finding) if ignored.contains(&finding) => {
                section.reject_item(IGNORE, item, "expected each finding once");
            }
            Some(finding) if is_about(&finding) => ignored.push(finding),
            _ => {
                let codes = Finding::ALL.into_iter().filter(is_about).map(Finding::code);
                let mut message = format!("expected one of {}", codes.collect::<Vec<_>>().join(", "));
                if finding.is_some_and(|finding| finding.is_about(Subject::Account)) {
                    message += "; a finding about an account cannot be ignored";
                } else if finding.is_some() {
                    message += "; this finding is not about hostnames: write it in [[account.zone]]";
                }
                section.reject_item(IGNORE, item, &message);
            }
        }
    }
    ignored.into_iter().collect()
}
