//! What a script says about its figure, and about what a cluster is to give each run.

use rhai::{Dynamic, Map};

use kelvin_run::{Figure, ReferenceLine, Resources, Returns};

use super::complaint::Complaint;
use super::value::{Fields, Wrong, mistyped};

pub(super) fn resources(map: &Map) -> Result<Resources, Wrong> {
    let mut fields = Fields::new(map, "`resources`");
    let resources = Resources {
        partition: fields.text("partition")?,
        account: fields.text("account")?,
        time: fields.text("time")?,
        mem: fields.text("mem")?,
        cpus: fields.whole("cpus")?,
        gpus: fields.whole("gpus")?,
        limit: fields.whole("limit")?,
        args: texts("args", &fields.list("args")?.unwrap_or_default())?,
    };
    fields.finish()?;
    Ok(resources)
}

fn texts(key: &str, list: &[Dynamic]) -> Result<Vec<String>, Wrong> {
    let text =
        |item: &Dynamic| item.clone().into_string().map_err(|_| mistyped(key, item, "texts in quotes"));
    list.iter().map(text).collect()
}

pub(super) fn figure(map: &Map) -> Result<Figure, Wrong> {
    let mut fields = Fields::new(map, "a figure");
    let plain = Figure::default();
    let figure = Figure {
        title: fields.text("title")?.unwrap_or(plain.title),
        caption: fields.text("caption")?.unwrap_or(plain.caption),
        panels: fields.text("panels")?.unwrap_or(plain.panels),
        curves: fields.text("curves")?.unwrap_or(plain.curves),
        returns: returns(&mut fields)?,
        window: positive("window", fields.whole("window")?, plain.window)?,
        columns: positive("columns", fields.whole("columns")?, plain.columns)?,
        tops: match fields.map("tops")? {
            None => plain.tops,
            Some(tops) => {
                let top = |(panel, value): (_, &Dynamic)| match number(value) {
                    Some(top) => Ok((String::from(panel), top)),
                    None => Err(mistyped(panel, value, "a number")),
                };
                tops.iter()
                    .map(|(panel, value)| (panel.as_str(), value))
                    .map(top)
                    .collect::<Result<_, _>>()?
            }
        },
        lines: match fields.list("lines")? {
            None => plain.lines,
            Some(lines) => lines.iter().map(line).collect::<Result<_, _>>()?,
        },
    };
    fields.finish()?;
    Ok(figure)
}

fn returns(fields: &mut Fields) -> Result<Returns, Wrong> {
    let Some(name) = fields.text("returns")? else { return Ok(Returns::default()) };
    match name.as_str() {
        "training" => Ok(Returns::Training),
        "evaluation" => Ok(Returns::Evaluation),
        _ => Err(mistyped("returns", &name.into(), "\"training\" or \"evaluation\"")),
    }
}

fn positive(key: &str, value: Option<u64>, or: usize) -> Result<usize, Wrong> {
    match value {
        None => Ok(or),
        Some(value @ 1..=100_000) => Ok(value as usize),
        Some(value) => Err(mistyped(key, &Dynamic::from_int(value as i64), "1 or more, up to 100000")),
    }
}

fn number(value: &Dynamic) -> Option<f64> {
    value.as_float().ok().or_else(|| value.as_int().ok().map(|whole| whole as f64)).filter(|n| n.is_finite())
}

fn line(value: &Dynamic) -> Result<ReferenceLine, Wrong> {
    let Some(map) = value.read_lock::<Map>() else {
        return Err(mistyped("lines", value, "maps: #{ label: \"human\", value: 14.6, panel: \"pong\" }"));
    };
    let mut fields = Fields::new(&map, "a line of the figure");
    let missing = |key: &str| Wrong {
        key: "lines".to_owned(),
        value: None,
        complaint: Complaint::new(format!("a line of the figure has no `{key}`"))
            .hint("it is written #{ label: \"human\", value: 14.6, panel: \"pong\" }"),
    };
    let line = ReferenceLine {
        panel: fields.text("panel")?,
        label: fields.text("label")?.ok_or_else(|| missing("label"))?,
        value: fields.number("value")?.ok_or_else(|| missing("value"))?,
    };
    fields.finish()?;
    Ok(line)
}
