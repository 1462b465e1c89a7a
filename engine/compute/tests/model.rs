//! A model from the outside: it learns, its objective is shown what it reads, its state is complete.

mod support;

use kelvin_compute::objective::METRIC_SLOTS;
use kelvin_compute::{
    AdamSpec, Batch, Clip, CpuDevice, CpuObjective, Error, Init, Model, ModelSpec, ModelState, NetSpec,
    Optimizer, Outputs, RmsPropSpec,
};
use kelvin_compute::{ObjectiveIo, ObjectiveKernel, ObsShape, OnFault};
use std::sync::{Arc, Mutex};
use support::random_bytes;
use support::scenarios::reads;

const OBS: ObsShape = ObsShape { stack: 2, height: 3, width: 3 };
const BATCH: usize = 16;
const OUTPUTS: usize = 2;

fn spec() -> ModelSpec {
    ModelSpec {
        net: NetSpec::Mlp { hidden: vec![24] },
        obs: OBS,
        outputs: OUTPUTS,
        batch: BATCH,
        act_batch: BATCH,
        consults: false,
        window: 1,
        reads: reads(&[0], &[], &[]),
        optimizer: Optimizer::Adam(AdamSpec { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }),
        init: Init::Glorot,
        clip: Clip::Global(10.0),
        on_fault: OnFault::Stop,
        seed: 1,
    }
}

/// Half the squared distance of both outputs to two sample fields; keeps what it was shown.
#[derive(Default)]
struct Regression {
    seen: Mutex<[Vec<f32>; 3]>,
}

impl CpuObjective for Regression {
    fn run(&self, io: ObjectiveIo<'_>) {
        *self.seen.lock().unwrap() = [io.trained, io.online, io.target].map(<[f32]>::to_vec);
        io.metrics.fill(0.0);
        for i in 0..io.batch {
            for j in 0..OUTPUTS {
                let error = io.trained[i * OUTPUTS + j] - io.samples[j * io.batch + i];
                io.grad[i * OUTPUTS + j] = error / io.batch as f32;
                io.metrics[i * METRIC_SLOTS] += 0.5 * error * error;
            }
            io.metrics[i * METRIC_SLOTS + METRIC_SLOTS - 1] = i as f32;
        }
    }
}

fn model(spec: ModelSpec) -> (Model, Arc<Regression>) {
    let mut model = Model::new(&CpuDevice, spec).unwrap();
    let regression = Arc::new(Regression::default());
    set(&mut model, Arc::clone(&regression) as _);
    (model, regression)
}

fn set(model: &mut Model, cpu: Arc<dyn CpuObjective>) {
    let reads = model.spec().reads.clone();
    let kernel = ObjectiveKernel { wgsl: String::new(), cpu, reads: reads.clone(), phases: 0 };
    let objective = model.compiler().compile(&kernel).unwrap();
    model.set_objective(&reads, objective).unwrap();
}

/// Observations, and in the samples two smooth functions of them.
fn data(seed: u64) -> (Vec<u8>, Vec<f32>) {
    let obs = random_bytes(seed, BATCH * OBS.len());
    let mut samples = vec![0.0; 6 * BATCH];
    for (i, obs) in obs.chunks_exact(OBS.len()).enumerate() {
        samples[i] = f32::from(obs[0]) / 255.0 - f32::from(obs[5]) / 255.0;
        samples[BATCH + i] = f32::from(obs[9]) / 255.0;
    }
    (obs, samples)
}

fn update(model: &mut Model, seed: u64) {
    let (obs, samples) = data(seed);
    model.update(&Batch { obs: &obs, samples: &samples }, 3e-3).unwrap();
}

#[test]
fn learns_a_regression_it_has_not_seen_the_test_set_of() {
    let (mut model, _) = model(spec());
    update(&mut model, 0);
    let first = model.report().unwrap().means[0];
    for seed in 1..1500 {
        update(&mut model, seed);
    }
    let metrics = model.report().unwrap().means;
    // The last batch was not seen before; a constant would be left with the variance, about 0.12.
    assert!(first > 0.05 && metrics[0] < 0.002, "loss from {first} to {}", metrics[0]);
    // The last metric is the mean of 0, 1, … 15.
    assert!((metrics[METRIC_SLOTS - 1] - 7.5).abs() <= 1e-5, "{metrics:?}");
    assert_eq!(model.updates(), 1500);
}

/// A gradient that never changes.
struct Slope;

impl CpuObjective for Slope {
    fn run(&self, io: ObjectiveIo<'_>) {
        io.grad.fill(0.25);
        io.metrics.fill(0.0);
    }
}

/// With a constant gradient both corrected moments are exact, so each step is the learning rate; with the
/// correction of a wrong step index it would not be.
#[test]
fn every_update_is_an_adam_step_of_its_own_index() {
    let linear = ModelSpec { net: NetSpec::Mlp { hidden: vec![] }, clip: Clip::None, ..spec() };
    let (mut model, _) = model(linear);
    set(&mut model, Arc::new(Slope));
    for updates in 1..=20 {
        update(&mut model, updates);
        let state = model.export().unwrap();
        let bias = state.tensors.iter().find(|tensor| tensor.name == "online.output.bias").unwrap();
        let expected = -3e-3 * updates as f32;
        // A few roundings in each of at most 20 steps.
        assert!(
            bias.data.iter().all(|bias| (bias / expected - 1.0).abs() <= 1e-5),
            "{bias:?} is not {expected}"
        );
    }
}

/// TensorFlow 1's RMSProp: the mean square starts at 1, and ε is inside the root.
#[test]
fn rmsprop_starts_from_one() {
    let (decay, epsilon) = (0.9, 0.5);
    let optimizer = Optimizer::RmsProp(RmsPropSpec { decay, epsilon });
    let linear = ModelSpec { net: NetSpec::Mlp { hidden: vec![] }, clip: Clip::None, optimizer, ..spec() };
    let batch = linear.batch;
    let (mut model, _) = model(linear);
    set(&mut model, Arc::new(Slope));
    update(&mut model, 1);
    let state = model.export().unwrap();
    let tensor = |name: &str| &state.tensors.iter().find(|tensor| tensor.name == name).unwrap().data;
    let g = 0.25 * batch as f32;
    let square = decay + (1.0 - decay) * g * g;
    let expected = -3e-3 * g / (square + epsilon).sqrt();
    for (bias, found) in tensor("online.output.bias").iter().zip(tensor("rmsprop.square.output.bias")) {
        assert!((bias / expected - 1.0).abs() <= 1e-5, "{bias} is not {expected}");
        assert!((found / square - 1.0).abs() <= 1e-5, "{found} is not {square}");
    }
}

#[test]
fn acting_is_the_online_pass() {
    let (mut model, regression) = model(spec());
    update(&mut model, 1);
    let (obs, samples) = data(2);
    let mut outputs = vec![f32::NAN; BATCH * OUTPUTS];
    model.act(&obs, &mut outputs).unwrap();
    model.update(&Batch { obs: &obs, samples: &samples }, 1e-3).unwrap();
    assert_eq!(outputs, regression.seen.lock().unwrap()[0]);
    let before = outputs.clone();
    model.act(&obs, &mut outputs).unwrap();
    assert_ne!(outputs, before, "acting does not see the update");
}

#[test]
fn the_objective_is_shown_what_outputs_says_it_would_be() {
    for reads in [reads(&[0, 1], &[], &[1]), reads(&[0], &[1], &[0, 1]), reads(&[1], &[], &[])] {
        let (mut model, regression) = model(ModelSpec { reads: reads.clone(), ..spec() });
        for seed in 0..3 {
            let (_, samples) = data(seed);
            let obs = random_bytes(seed, reads.states().len() * BATCH * OBS.len());
            let batch = Batch { obs: &obs, samples: &samples };
            let Outputs { trained, online, target } = model.outputs(&batch).unwrap();
            let lens = [trained.len(), online.len(), target.len()];
            let states = [&reads.trained, &reads.online, &reads.target].map(Vec::len);
            assert_eq!(lens, states.map(|states| states * BATCH * OUTPUTS));
            model.update(&batch, 1e-2).unwrap();
            assert_eq!(*regression.seen.lock().unwrap(), [trained, online, target]);
        }
    }
}

#[test]
fn an_imported_state_continues_with_the_same_bits() {
    let (mut original, _) = model(spec());
    (0..3).for_each(|seed| update(&mut original, seed));
    original.sync_target().unwrap();
    update(&mut original, 3);
    let state = original.export().unwrap();
    let (mut copy, _) = model(ModelSpec { seed: 99, ..spec() });
    copy.import(&state).unwrap();
    assert_eq!(copy.export().unwrap(), state);
    assert_eq!(copy.updates(), 4);
    [&mut original, &mut copy].into_iter().for_each(|model| update(model, 4));
    assert_eq!(copy.export().unwrap(), original.export().unwrap());
    assert_ne!(copy.export().unwrap(), state);
}

#[test]
fn a_state_that_does_not_fit_is_refused_and_changes_nothing() {
    let (mut model, _) = model(spec());
    let state = model.export().unwrap();
    assert_eq!(state.tensors[0].name, "online.dense1.weight");
    let broken = |change: fn(&mut ModelState)| {
        let mut state = state.clone();
        state.updates = 7;
        state.tensors[0].data.fill(3.0);
        change(&mut state);
        state
    };
    let states = [
        (broken(|state| state.tensors[5].name = "online.other".into()), "no tensor `target.dense1.bias`"),
        (broken(|state| state.tensors[6].shape.reverse()), "`target.output.weight`"),
        (broken(|state| _ = state.tensors[15].data.pop()), "`adam.v.output.bias`"),
        (broken(|state| _ = state.tensors.pop()), "15 tensors"),
    ];
    for (broken, words) in states {
        let message = model.import(&broken).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
        assert_eq!(model.export().unwrap(), state);
    }
}

#[test]
fn misuse_is_an_error_that_says_what_to_do() {
    let mut model = Model::new(&CpuDevice, spec()).unwrap();
    let (obs, samples) = data(1);
    let batch = Batch { obs: &obs, samples: &samples };
    let mut outputs = vec![0.0; BATCH * OUTPUTS];
    let errors = [
        (model.update(&batch, 1e-3), "set_objective"),
        (model.warm(), "set_objective"),
        (model.outputs(&Batch { samples: &[], ..batch }).map(drop), "outputs: samples"),
        (model.act(&obs[1..], &mut outputs), "act: obs has 287 elements, this model needs 288"),
        (model.act(&obs, &mut outputs[1..]), "act: outputs"),
        (model.set_uniforms(&[0.0; 65]), "64 slots"),
    ];
    for (result, words) in errors {
        let Err(Error::Misuse(message)) = result else { panic!("accepted: {words}") };
        assert!(message.contains(words), "{message}");
    }
    let (mut model, _) = self::model(spec());
    let batches = [
        (Batch { obs: &obs[1..], ..batch }, "update: obs"),
        (Batch { samples: &samples[1..], ..batch }, "update: samples"),
    ];
    for (batch, words) in batches {
        let Err(Error::Misuse(message)) = model.update(&batch, 1e-3) else { panic!("accepted: {words}") };
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(model.updates(), 0);
}

#[test]
fn impossible_models_are_refused() {
    let small = ObsShape { stack: 4, height: 10, width: 10 };
    let huge = ObsShape { stack: 1 << 16, height: 1 << 16, width: 1 << 16 };
    let specs = [
        (ModelSpec { batch: 0, ..spec() }, "batch is 0"),
        (ModelSpec { outputs: usize::MAX, ..spec() }, "outputs"),
        (ModelSpec { net: NetSpec::Mlp { hidden: vec![8, 0] }, ..spec() }, "hidden is 0"),
        (ModelSpec { net: NetSpec::Nature, obs: small, ..spec() }, "36×36"),
        (ModelSpec { obs: huge, ..spec() }, "bytes"),
    ];
    let unread = ModelSpec { reads: reads(&[0, 2], &[], &[]), ..spec() };
    let message = Model::new(&CpuDevice, unread).err().unwrap().to_string();
    assert!(message.contains("state 2 of a window of 1"), "{message}");
    for (spec, words) in specs {
        let Err(Error::Unsupported(message)) = Model::new(&CpuDevice, spec) else {
            panic!("accepted: {words}")
        };
        assert!(message.contains(words), "{message}");
    }
}
