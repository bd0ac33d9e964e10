//! Uploads by the program whose response is lost.

use cloudflare_aop_exporter::simulator::{Effect, Fault};

use super::{PAIR, Stage, ZERO};

#[tokio::test]
async fn an_upload_with_a_lost_response_prints_the_id_and_is_not_repeated() {
    for command in ["upload", "rotate"] {
        for effect in [Effect::Lost, Effect::Cut { chunked: false }, Effect::NullResult] {
            let stage = Stage::new(ZERO).await;
            stage.api.simulator.add_fault(Fault::new(effect.clone()).on_method("POST").times(1));
            let old = if command == "rotate" { stage.old.as_str() } else { "" };
            let ran = stage.run(&format!("{command} {old} {PAIR} --yes --timeout 2s")).await;
            assert_eq!(ran.code, Some(0), "{command} {effect:?}: {}", ran.err);
            assert_eq!(stage.count("POST"), 1, "{command} {effect:?}");
            let again = stage.run(&format!("upload {PAIR} --yes")).await;
            assert!(again.err.contains("has this certificate already"), "{}", again.err);
            assert_eq!(stage.count("POST"), 1, "{command} {effect:?}");
            if command == "upload" {
                assert_eq!(ran.out, again.out, "the same id");
            }
        }
    }
}

#[tokio::test]
async fn code_1406_is_a_failure_if_the_zone_lacks_the_certificate() {
    for command in ["upload", "rotate"] {
        let stage = Stage::new(ZERO).await;
        let effect = Effect::Status { status: 400, code: 1406, retry_after: None };
        stage.api.simulator.add_fault(Fault::new(effect).on_method("POST").times(1));
        let old = if command == "rotate" { stage.old.as_str() } else { "" };
        let ran = stage.run(&format!("{command} {old} {PAIR} --yes")).await;
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        assert!(ran.err.contains("code 1406"), "{}", ran.err);
        assert_eq!((stage.count("POST"), stage.count("PUT")), (1, 0));
    }
}
