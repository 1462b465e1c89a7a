//! Costs of a whole DQN update and of acting with the Nature network, on the CPU.
//!
//! `RAYON_NUM_THREADS=2 cargo bench -p kelvin-compute`; `bench/peers/interleave.py` sets it against PyTorch.

#[path = "../tests/support/dqn.rs"]
mod dqn;

use kelvin_compute::{
    AdamSpec, Batch, Clip, CpuDevice, Init, Model, ModelSpec, NetSpec, ObsShape, OnFault, Optimizer,
};

const OBS: ObsShape = ObsShape { stack: 4, height: 84, width: 84 };
const ACTIONS: usize = 6;

fn main() {
    divan::main();
}

fn model(batch: usize, act_batch: usize) -> Model {
    let spec = ModelSpec {
        net: NetSpec::Nature,
        obs: OBS,
        outputs: ACTIONS,
        batch,
        act_batch,
        window: 1,
        reads: dqn::reads(),
        optimizer: Optimizer::Adam(AdamSpec { beta1: 0.9, beta2: 0.999, epsilon: 1e-4 }),
        init: Init::Glorot,
        clip: Clip::PerTensor(10.0),
        on_fault: OnFault::Stop,
        seed: 1,
    };
    let mut model = Model::new(&CpuDevice, spec).expect("the CPU runs any plan");
    let kernel = dqn::kernel();
    let objective = model.compiler().compile(&kernel).expect("nothing to compile on the CPU");
    model.set_objective(&kernel.reads, objective).expect("of the same device");
    model.set_uniforms(&[0.99]).expect("one slot");
    model
}

/// Bytes without a pattern that a cache or a branch predictor could like.
fn bytes(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Decode both observations, target pass, online pass, objective, backward, clip, guard, Adam.
#[divan::bench(args = [32, 256], sample_size = 1)]
fn update(bencher: divan::Bencher<'_, '_>, batch: usize) {
    let mut model = model(batch, 1);
    let obs = bytes(2 * batch * OBS.len());
    // Reward 1, not terminated, action 0, behaviour_logp 0, valid, weight 1.
    let fields = [1.0, 0.0, 0.0, 0.0, 1.0, 1.0];
    let samples: Vec<f32> = fields.into_iter().flat_map(|field| vec![field; batch]).collect();
    let batch = Batch { obs: &obs, samples: &samples };
    bencher.bench_local(|| model.update(&batch, 1e-4).expect("a legal update"));
}

/// Outputs for a batch of environments, read back.
#[divan::bench(args = [1, 16], sample_size = 1)]
fn act(bencher: divan::Bencher<'_, '_>, batch: usize) {
    let mut model = model(1, batch);
    let obs = bytes(batch * OBS.len());
    let mut outputs = vec![0.0; batch * ACTIONS];
    bencher.bench_local(|| model.act(&obs, &mut outputs).expect("a legal call"));
}
