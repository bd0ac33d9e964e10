#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudflare_aop_exporter_fuzz::issuer(data));
