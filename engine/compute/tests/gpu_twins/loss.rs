//! A device that is lost says so to whoever uses it, and keeps nobody waiting.

use crate::Test;
use crate::support::objectives;
use crate::support::scenarios::{BATCH, N, OUTPUTS, pulling, reads, spec, update};
use kelvin_compute::objective::{METRIC_SLOTS, PARAM_SLOTS};
use kelvin_compute::{
    AdapterKind, CpuObjective, Device, DeviceRequest, Error, Executor, Model, ObjectiveBufs, ObjectiveIo,
    ObjectiveKernel, Op, Plan, Tiling, adapters, open_with,
};
use std::fmt::Display;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    vec![
        ("loss: a device that was destroyed is lost to every call".into(), Box::new(|_| destroyed())),
        ("loss: updates that nobody waits for find it out, too".into(), Box::new(|_| destroyed_unseen())),
        ("loss: a kernel that hangs, while it runs".into(), Box::new(|_| silent())),
    ]
}

fn text(error: impl Display) -> String {
    error.to_string()
}

/// A device of a test's own: others are not to lose theirs.
fn own() -> Result<(Box<dyn Device>, AdapterKind), String> {
    let adapter = adapters().into_iter().next().ok_or("no adapter")?;
    let device = open_with(&DeviceRequest::Named(adapter.name), &Tiling::Estimated).map_err(text)?;
    Ok((device, adapter.kind))
}

fn model(device: &dyn Device) -> Result<Model, String> {
    let mut model = pulling(device, spec(&reads(&[0], &[], &[1])))?;
    update(&mut model, 1)?;
    model.report().map_err(text)?;
    Ok(model)
}

fn is_lost<T>(call: &str, result: Result<T, Error>, reason: &str) -> Result<(), String> {
    match result {
        Err(Error::Lost(why)) if why.contains(reason) => Ok(()),
        Err(other) => Err(format!("{call}: another error: {other}")),
        Ok(_) => Err(format!("{call}: nothing was noticed")),
    }
}

/// A call that may be the first to notice.
type Call = (&'static str, fn(&dyn Device, &mut Model) -> Result<(), Error>);

const CALLS: &[Call] = &[
    ("report", |_, model| model.report().map(drop)),
    ("export", |_, model| model.export().map(drop)),
    ("compile", |_, model| {
        let kernel = objectives::pull(BATCH, OUTPUTS, N, &model.spec().reads);
        model.compiler().compile(&kernel).map(drop)
    }),
    ("another model", |device, model| {
        let spec = model.spec().clone();
        let kernel = objectives::pull(BATCH, OUTPUTS, N, &spec.reads);
        let mut other = Model::new(device, spec)?;
        let compiled = other.compiler().compile(&kernel)?;
        other.set_objective(&kernel.reads, compiled)?;
        other.warm()
    }),
];

fn destroyed() -> Result<(), String> {
    for (name, call) in CALLS {
        let (device, _) = own()?;
        let mut model = model(&*device)?;
        call(&*device, &mut model).map_err(|error| format!("{name}, before: {error}"))?;
        device.destroy();
        for _ in 0..2 {
            is_lost(name, call(&*device, &mut model), "it was destroyed")?;
        }
    }
    // The adapter is there for the next one.
    model(&*own()?.0).map(drop)
}

fn destroyed_unseen() -> Result<(), String> {
    let (device, _) = own()?;
    let mut model = model(&*device)?;
    device.destroy();
    // At most 16 may be under way.
    let noticed = (0..20).find_map(|seed| update(&mut model, seed).err());
    match noticed {
        Some(error) if error == text(Error::Lost("it was destroyed".into())) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

const SAMPLES: usize = 8192;

/// As many turns of a loop as the first uniform says; on the stand-ins that a kernel is tried on that is none.
struct Long;

impl CpuObjective for Long {
    fn run(&self, _: ObjectiveIo<'_>) {
        unreachable!("it is for a GPU")
    }
}

fn long() -> ObjectiveKernel {
    let wgsl = format!(
        "
        @group(0) @binding(0) var<uniform> uniforms: array<vec4<f32>, 16>;
        @group(0) @binding(6) var<storage, read_write> grad: array<f32>;
        @group(0) @binding(7) var<storage, read_write> metrics: array<f32>;
        @compute @workgroup_size(32)
        fn objective(@builtin(global_invocation_id) id: vec3<u32>) {{
            let i = id.x;
            if i >= {SAMPLES}u {{ return; }}
            var x = vec4<f32>(f32(i));
            let turns = u32(uniforms[0].x);
            for (var turn = 0u; turn < turns; turn++) {{
                x = sin(cos(sin(cos(sin(cos(sin(cos(x))))))));
            }}
            grad[i] = x.x;
            metrics[i * {METRIC_SLOTS}u] = x.y;
        }}"
    );
    ObjectiveKernel { wgsl, cpu: Arc::new(Long), reads: reads(&[0], &[], &[]), phases: 0 }
}

/// Runs the long kernel and waits for it.
fn run_long(device: &dyn Device, turns: f32) -> Result<Box<dyn Executor>, (Box<dyn Executor>, Error)> {
    let mut plan = Plan::new();
    let bufs = ObjectiveBufs::new(&mut plan, SAMPLES, 1, 1, &long().reads);
    let program = plan.program("learn", vec![Op::Objective(bufs)]);
    let mut executor = device.compile(&plan).expect("a plan");
    let mut run = || {
        let compiled = executor.objective_compiler().compile(&long())?;
        executor.set_objective(compiled)?;
        let mut uniforms = [0.0; PARAM_SLOTS];
        uniforms[0] = turns;
        executor.write(bufs.uniforms, &uniforms)?;
        executor.run(&[program])?;
        executor.read(bufs.grad, &mut [0.0; SAMPLES])
    };
    match run() {
        Ok(()) => Ok(executor),
        Err(error) => Err((executor, error)),
    }
}

fn silent() -> Result<(), String> {
    let (device, kind) = own()?;
    // It must come to its end by itself, some seconds later. Mesa 22's llvmpipe ends a loop after 65,535 turns.
    let turns = if kind == AdapterKind::Software { 65_000.0 } else { 2e7 };
    device.set_patience(Duration::from_millis(500));
    drop(run_long(&*device, 1.0).map_err(|(_, error)| text(error))?);
    let Err((mut executor, error)) = run_long(&*device, turns) else {
        return Err("it was waited for, or is too short to be noticed".to_owned());
    };
    is_lost("a read", Err::<(), _>(error), "no answer for 0.5 s")?;
    let again = executor.run(&[]);
    is_lost("a run", again, "no answer for 0.5 s")?;
    drop((executor, device));
    // Whoever dropped it does not wait until it ends: a thread does, which has nothing else to do.
    if cfg!(target_os = "linux") && !appears("lost device") {
        return Err("it was waited for".to_owned());
    }
    model(&*own()?.0).map(drop)
}

/// Whether this process has a thread of this name, or gets one soon: it names itself.
fn appears(name: &str) -> bool {
    let named = || {
        let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let mut names = tasks.flat_map(|task| fs::read_to_string(task.path().join("comm")));
        names.any(|found| found.trim() == name)
    };
    (0..100).any(|look| {
        if look > 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        named()
    })
}
