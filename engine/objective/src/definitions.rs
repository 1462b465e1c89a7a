//! The language, described from the tables that it is made of: for editors and for the reference page.

use std::fmt::Write as _;

use crate::hooks::HOOKS;
use crate::host::{
    FIELDS, FieldInfo, Function, HEADS, OUTPUTS, Read, Record, TYPES, functions, output_shape,
};
use crate::ops::{Head, Net};

/// A definition file of Rhai's language server: what objective scripts may call, with the meaning of each, and
/// the fields of the records they are handed. Written beside scripts as `kelvin.d.rhai`, it makes editors
/// complete and explain them.
pub fn definitions() -> String {
    let mut text = String::from(
        "/// Objective scripts of Kelvin: what they may call, and the records they are handed.\n\
         /// Written by Kelvin from its own tables; changes are lost.\n\
         module static;\n",
    );
    for (name, doc) in TYPES {
        let _ = write!(text, "\n{}type {name} = ?;\n", comment("", doc));
    }
    for record in Record::ALL {
        let _ =
            write!(text, "\n{}type {} = {};\n", comment("", record.doc()), record.type_name(), body(record));
    }
    for function in functions() {
        for signature in function.signatures {
            let _ = write!(text, "\n{}fn {signature};\n", comment("", &explained(function)));
        }
    }
    text
}

fn explained(function: &Function) -> String {
    format!("{}\n\nWritten {}.", function.doc, function.usage)
}

/// Lines of documentation.
fn comment(indent: &str, doc: &str) -> String {
    doc.lines().map(|line| format!("{indent}/// {line}").trim_end().to_owned() + "\n").collect()
}

/// The fields of a record, as an object type.
fn body(record: Record) -> String {
    let mut fields = String::new();
    for field in FIELDS.iter().filter(|field| field.record == record) {
        let _ = writeln!(fields, "{}    {}: {},", comment("    ", field.doc), field.name, type_of(field));
    }
    for &(_, net, state) in OUTPUTS.iter().filter(|(holder, ..)| *holder == record) {
        for &(head, doc) in HEADS {
            let doc = format!("{}: {doc}, at {state}.", network(net));
            let kind = match output_shape(record, head) {
                "scalar" => "Number",
                "[step]" => "Steps",
                _ => "Actions",
            };
            let _ = writeln!(fields, "{}    {}: {kind},", comment("    ", &doc), head.name());
        }
    }
    if fields.is_empty() { "?".to_owned() } else { format!("#{{\n{fields}}}") }
}

fn type_of(field: &FieldInfo) -> &'static str {
    match (field.read, field.name) {
        (Read::Inner(record), _) => record.type_name(),
        (_, "action") if field.shape == "scalar" => "Action",
        (_, "progress" | "mean_return" | "std_return" | "best_return") => "float",
        _ => match field.shape {
            "plain" => "int",
            "scalar" => "Number",
            _ => "Steps",
        },
    }
}

fn network(net: Net) -> &'static str {
    match net {
        Net::Online => "Online network",
        Net::Target => "Target network",
    }
}

/// The tables of the reference page, in Markdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceTables {
    /// The functions that a script consists of: how each is written, and what it returns.
    pub hooks: String,
    /// The functions that it may call.
    pub functions: String,
    /// Where the network's outputs are: record, network, state, shapes.
    pub outputs: String,
    /// The other fields of the records.
    pub fields: String,
}

/// The language's tables, as the reference page has to show them.
pub fn reference_tables() -> ReferenceTables {
    let hooks = HOOKS.iter().map(|hook| {
        let forms = hook.forms.iter().map(|form| format!("`{}({})`", hook.name, form.join(", ")));
        [forms.collect::<Vec<_>>().join(", "), hook.doc.to_owned()]
    });
    let functions =
        functions().map(|function| [format!("`{}`", plain_form(function)), function.doc.to_owned()]);
    let outputs = OUTPUTS.iter().map(|&(record, net, state)| {
        let shape = |head: Head| output_shape(record, head).to_owned();
        [
            format!("`{}`", record.name()),
            network(net).to_owned(),
            state.to_owned(),
            shape(Head::Q),
            shape(Head::V),
        ]
    });
    let fields = FIELDS.iter().map(|field| {
        [format!("`{}.{}`", field.record.name(), field.name), field.shape.to_owned(), field.doc.to_owned()]
    });
    ReferenceTables {
        hooks: table(["function", "returns"], hooks),
        functions: table(["function", "value"], functions),
        outputs: table(["record", "network", "at", "`q`, `logits`", "`v`"], outputs),
        fields: table(["field", "shape", "meaning"], fields),
    }
}

/// All forms of a function without their types: `max(x)`, `max(x, y_or_axis)`.
fn plain_form(function: &Function) -> String {
    let forms = function.signatures.iter().map(|signature| {
        let arguments =
            signature.split_once('(').and_then(|(_, rest)| rest.split_once(')')).unwrap_or_default().0;
        let names = arguments.split(", ").map(|argument| argument.split(':').next().unwrap_or(""));
        format!("{}({})", function.name, names.collect::<Vec<_>>().join(", "))
    });
    forms.collect::<Vec<_>>().join("`, `")
}

fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let line = |cells: &[String; N]| {
        let cells = cells.iter().map(|cell| cell.replace('|', "\\|"));
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = format!("|{}\n", "---|".repeat(N));
    [line(&head.map(str::to_owned)), rule].into_iter().chain(rows.map(|row| line(&row))).collect()
}
