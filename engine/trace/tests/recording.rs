//! One process has one recording, so all of it is one test.

use kelvin_trace::{Recording, Track, device_span, recording, span, span_with};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_recording_has_the_spans_of_its_time_and_no_others() {
    drop(span("before"));
    assert!(!recording());
    let open = span("opened before");
    let recorded = Recording::start().expect("the only one");
    assert!(Recording::start().is_none(), "one at a time");
    drop(open);
    {
        let _outer = span("outer");
        drop(span_with(|| format!("inner {}", 1)));
        drop(span_with(|| format!("inner {}", 1)));
    }
    thread::Builder::new().name("other".into()).spawn(|| drop(span("elsewhere"))).unwrap().join().unwrap();
    device_span("kernel", Instant::now(), Duration::from_micros(5));
    let open = span("open at the end");
    let trace = recorded.finish();
    drop(open);
    drop(span("after"));

    let names: Vec<_> = trace.totals().into_iter().map(|(name, total)| (name, total.count)).collect();
    assert_eq!(names, [("elsewhere", 1), ("inner 1", 2), ("kernel", 1), ("outer", 1)]);
    assert_eq!(trace.totals()["kernel"].time, Duration::from_micros(5));
    assert!(trace.totals()["outer"].time >= trace.totals()["inner 1"].time);
    assert!(trace.spans.iter().any(|span| span.track == Track::Device));
    let outer = trace.track_of("outer").expect("it was recorded");
    let alone = trace.exclusive(outer, |_| true);
    assert_eq!(alone["outer"] + alone["inner 1"], trace.totals()["outer"].time);
    assert_eq!(trace.exclusive(outer, |name| name == "outer")["outer"], trace.totals()["outer"].time);
    assert!(!alone.contains_key("elsewhere") && trace.track_of("nowhere").is_none());

    let mut json = Vec::new();
    trace.write_chrome(&mut json).unwrap();
    let events: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
    let complete: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
    assert_eq!(complete.len(), 5);
    assert!(complete.iter().all(|event| event["ts"].as_f64() >= Some(0.0) && event["dur"].is_number()));
    let tracks: Vec<_> =
        events.iter().filter(|event| event["ph"] == "M").map(|e| &e["args"]["name"]).collect();
    assert!(tracks.contains(&&"other".into()) && tracks.contains(&&"device".into()), "{tracks:?}");

    // Another may begin now, and starts empty.
    assert!(Recording::start().expect("the first has ended").finish().spans.is_empty());
}
