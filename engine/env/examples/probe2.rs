//! scratch
#![allow(clippy::all, dead_code, clippy::print_stdout, missing_docs)]
#[path="../src/ale/preprocess.rs"] mod preprocess;
use std::time::Instant;
fn main() {
    let mut p = preprocess::Preprocessor::new(160, 210);
    let screen: Vec<u8> = (0..160*210).map(|i| (i * 31 % 251) as u8).collect();
    let mut a = screen.clone();
    let mut f = vec![0; 84*84];
    for _ in 0..5 {
    let t = Instant::now();
    for _ in 0..2000 { p.resample(std::hint::black_box(&screen), &mut f); std::hint::black_box(&f); }
    let r = t.elapsed().as_secs_f64() / 2000.0 * 1e6;
    let t = Instant::now();
    for _ in 0..2000 { preprocess::max_into(&mut a, std::hint::black_box(&screen)); std::hint::black_box(&a); }
    println!("resample {r:.1} us, max {:.1} us", t.elapsed().as_secs_f64() / 2000.0 * 1e6);
    }
}
