//! The same bits for any number of threads.

mod support;

use kelvin_compute::{
    AdamSpec, Batch, Clip, CpuDevice, Init, Model, ModelSpec, NetSpec, ObsShape, OnFault, Optimizer,
};
use support::{cases, dqn, random_bytes};

fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn kernels_do_not_depend_on_the_number_of_threads() {
    let bits = |threads| {
        with_threads(threads, || -> Vec<Vec<u32>> {
            let outputs = cases::all().into_iter().flat_map(|case| case.run(&CpuDevice));
            outputs.map(|output| output.iter().map(|value| value.to_bits()).collect()).collect()
        })
    };
    let one = bits(1);
    for threads in [2, 3, 5] {
        assert!(one == bits(threads), "{threads} threads differ from one");
    }
}

#[test]
fn training_does_not_depend_on_the_number_of_threads() {
    let trained = |threads| {
        with_threads(threads, || {
            let obs = ObsShape { stack: 4, height: 84, width: 84 };
            let batch = 17;
            let spec = ModelSpec {
                net: NetSpec::Nature,
                obs,
                outputs: 18,
                batch,
                act_batch: 3,
                consults: false,
                window: 1,
                reads: dqn::reads(),
                optimizer: Optimizer::Adam(AdamSpec { beta1: 0.9, beta2: 0.999, epsilon: 1e-4 }),
                init: Init::Glorot,
                clip: Clip::PerTensor(0.1),
                on_fault: OnFault::Stop,
                seed: 3,
            };
            let mut model = Model::new(&CpuDevice, spec).unwrap();
            let kernel = dqn::kernel();
            let objective = model.compiler().compile(&kernel).unwrap();
            model.set_objective(&kernel.reads, objective).unwrap();
            model.set_uniforms(&[0.99]).unwrap();
            let samples: Vec<f32> =
                (0..6 * batch).map(|i| if i / batch == 2 { (i % 18) as f32 } else { 0.5 }).collect();
            for seed in 0..3 {
                let obs = random_bytes(seed, 2 * batch * obs.len());
                model.update(&Batch { obs: &obs, samples: &samples }, 1e-3).unwrap();
            }
            let mut outputs = vec![0.0; 3 * 18];
            model.act(&random_bytes(50, 3 * obs.len()), &mut outputs).unwrap();
            (model.export().unwrap(), outputs)
        })
    };
    let one = trained(1);
    for threads in [2, 4] {
        assert!(one == trained(threads), "{threads} threads differ from one");
    }
}
