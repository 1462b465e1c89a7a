//! scratch
#![allow(clippy::all, clippy::print_stdout, missing_docs)]
use kelvin_env::*;
use std::{io::Write, time::Instant};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    match a[1].as_str() {
        "dump" => {
            // machado rules w/o sticky are not reachable; paper eval: frames after known no-ops
            let game = &a[2];
            let o = EnvOptions { training: false, ..Default::default() };
            let mut env = make(game, &o, 3).unwrap();
            let len = env.spec().frame_len();
            let mut f = vec![0; len];
            let mut out = std::fs::File::create(&a[3]).unwrap();
            env.reset(&mut f).unwrap();
            out.write_all(&f).unwrap();
            let n = env.spec().actions.len();
            for i in 0..2000usize {
                let s = env.step((i * 7 / 3) % n, &mut f).unwrap();
                out.write_all(&f).unwrap();
                out.write_all(&s.reward.to_le_bytes()).unwrap();
                out.write_all(&[s.terminated as u8]).unwrap();
                if s.ended() { println!("ended at {i}: {s:?}"); break; }
            }
        }
        "speed" => {
            let (game, n, steps): (&str, usize, usize) = (&a[2], a[3].parse().unwrap(), a[4].parse().unwrap());
            let mut v = VecEnv::new(game, &EnvOptions::default(), n, 1).unwrap();
            let na = v.spec().actions.len();
            let mut acts = vec![0; n];
            for t in 0..200 { v.step(&vec![t % na; n]).unwrap(); }
            let t0 = Instant::now();
            let mut s = 12345u64;
            for _ in 0..steps { for a in &mut acts { s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); *a = (s >> 33) as usize % na; } v.step(&acts).unwrap(); }
            let dt = t0.elapsed().as_secs_f64();
            let cpu = std::fs::read_to_string("/proc/self/schedstat").unwrap();
            println!("{game} n={n} threads={}: {:.0} frames/s wall; main-thread cpu ns {}", rayon::current_num_threads(), (steps * n * v.spec().frames_per_step) as f64 / dt, cpu.split(' ').next().unwrap());
        }
        _ => {}
    }
}
