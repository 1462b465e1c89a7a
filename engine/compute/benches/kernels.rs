//! Cost of every kernel of a Nature update at batch 32, on the CPU, each in a program of its own.

use kelvin_compute::{AdamStep, CpuDevice, Device, NetSpec, Network, ObsShape, Op, Pass, Plan};
use std::time::Instant;

const OBS: ObsShape = ObsShape { stack: 4, height: 84, width: 84 };
fn main() {
    let batch: usize = std::env::var("B").ok().and_then(|v| v.parse().ok()).unwrap_or(32);
    let rounds: usize = std::env::var("R").ok().and_then(|v| v.parse().ok()).unwrap_or(60);
    let network = Network::new(&NetSpec::Nature, OBS, 6).unwrap();
    let mut plan = Plan::new();
    let len = network.param_len();
    let [params, grads, m, v] = ["params", "grads", "m", "v"].map(|name| plan.buf(name, len));
    let hyper = plan.buf("hyper", AdamStep::LEN);
    let bytes = plan.byte_buf("bytes", batch * OBS.len());
    let x = plan.buf("x", batch * OBS.len());
    let y = plan.buf("y", batch * 6);
    let dy = plan.buf("dy", batch * 6);
    let hidden = network.hidden_bufs(&mut plan, "hidden", batch);
    let hidden_grads = network.hidden_bufs(&mut plan, "dhidden", batch);
    let pass = Pass { batch, params, x, hidden: &hidden, y };
    let mut ops = vec![Op::DecodeFrames { bytes, out: x, batch, stack: 4, pixels: 84 * 84 }];
    ops.extend(network.forward(&pass));
    ops.extend(network.backward(&pass, dy, &hidden_grads, grads));
    ops.push(Op::ClipNorm { grads, ranges: network.tensors().iter().map(|t| t.range()).collect(), max_norm: 10.0 });
    ops.push(Op::Adam { params, grads, m, v, hyper, beta1: 0.9, beta2: 0.999, epsilon: 1e-4, len });
    let programs: Vec<_> = ops.iter().map(|op| plan.program("p", vec![op.clone()])).collect();
    let mut ex = CpuDevice.compile(&plan).unwrap();
    ex.write(params, &network.initial_params(1)).unwrap();
    ex.write_bytes(bytes, &(0..(batch * OBS.len()) as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>()).unwrap();
    ex.write(dy, &vec![0.1; batch * 6]).unwrap();
    ex.write(hyper, &AdamStep::new(1e-4, 0.9, 0.999, 1).to_array()).unwrap();
    let mut times = vec![Vec::new(); ops.len()];
    for _ in 0..rounds {
        for (program, times) in programs.iter().zip(&mut times) {
            let start = Instant::now();
            ex.run(&[*program]).unwrap();
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    let mut total = (0.0, 0.0);
    for (op, times) in ops.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let name = format!("{op:?}");
        let name = name.split(' ').next().unwrap().to_owned();
        total = (total.0 + times[0], total.1 + times[rounds / 2]);
        println!("{name:24} min {:8.0} median {:8.0} us", times[0], times[rounds / 2]);
    }
    println!("total min {:.0} median {:.0}", total.0, total.1);
}
