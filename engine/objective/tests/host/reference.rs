//! What is generated from the language's tables: the definitions for editors, the tables of the reference.

use kelvin_objective::{definitions, reference_tables};

use crate::support::{assert_refused, assert_value};

/// Name and number of arguments of every function declared.
fn declared() -> Vec<(String, usize)> {
    let text = definitions();
    let functions = text.lines().filter_map(|line| line.strip_prefix("fn "));
    functions
        .map(|line| {
            let (name, rest) = line.split_once('(').expect("an argument list");
            let (arguments, _) = rest.split_once(')').expect("its end");
            (name.to_owned(), arguments.split(", ").count())
        })
        .collect()
}

/// The documents are the host's own table, so whatever is declared is there, and nothing else is.
#[test]
fn every_declared_function_exists_with_its_arguments() {
    let declared = declared();
    assert!(declared.len() > 30, "{declared:?}");
    for (name, arguments) in &declared {
        let list = vec!["#{}"; *arguments].join(", ");
        let text = format!("fn loss(net, t, p) {{ {name}({list}) }}");
        // Nonsense is refused by the function itself, not for want of it.
        let refused = std::panic::catch_unwind(|| assert_refused(&text, 1, "there is no function"));
        assert!(refused.is_err(), "{name}/{arguments} is declared and does not exist");
        let refused = std::panic::catch_unwind(|| assert_refused(&text, 1, "does not take"));
        assert!(refused.is_err(), "{name}/{arguments} is declared and takes other arguments");
    }
    for name in
        ["huber", "lambda_return", "batch_mean", "kl", "select", "param_int", "epsilon_greedy", "sign"]
    {
        assert!(declared.iter().any(|(known, _)| known == name), "{name}");
    }
    assert_value("sign(-2) + 1", 0.0);
}

#[test]
fn definitions_have_the_form_of_the_language_server() {
    let text = definitions();
    let module = text.find("module static;").expect("a module");
    assert!(text[..module].lines().all(|line| line.starts_with("///")), "{text}");
    let mut inside = false;
    for line in text[module..].lines().skip(1) {
        let field = line.strip_prefix("    ");
        let sound = match field {
            Some(field) => {
                inside && (field.starts_with("///") || field.ends_with(',') && field.contains(": "))
            }
            None => {
                let starts = ["///", "fn ", "type ", "};"].iter().any(|start| line.starts_with(start));
                line.is_empty() || starts && (line.starts_with("///") || line.ends_with([';', '{']))
            }
        };
        assert!(sound, "{line:?}");
        inside = line.ends_with('{') || inside && line != "};";
    }
    // Every type that is used has a meaning.
    let types: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("type ")?.split(' ').next()).collect();
    let used = text.lines().filter(|line| !line.trim_start().starts_with("///"));
    for word in used.flat_map(|line| line.split(|c: char| !c.is_alphanumeric())) {
        let is_type = word.starts_with(|c: char| c.is_uppercase()) && word != "String";
        assert!(!is_type || types.contains(&word), "{word} is not defined");
    }
}

#[test]
fn every_field_is_documented() {
    let text = definitions();
    for field in [
        "reward",
        "action",
        "terminated",
        "weight",
        "behaviour_logp",
        "valid",
        "steps",
        "next",
        "q",
        "logits",
        "v",
        "frames",
        "agent_steps",
        "updates",
        "progress",
        "mean_return",
        "best_return",
        "params",
    ] {
        assert!(text.contains(&format!("\n    {field}: ")), "{field}");
    }
}

#[test]
fn reference_tables_are_markdown() {
    let tables = reference_tables();
    for (table, part) in [
        (&tables.hooks, "`loss(net, y, t, p)`, `loss(net, t, p)`"),
        (&tables.functions, "`huber(error, delta)`"),
        (&tables.functions, "`kl(policy)`, `kl(policy, reference)`"),
        (&tables.outputs, "`net.steps.next`"),
        (&tables.fields, "`t.steps.valid`"),
    ] {
        assert!(table.contains(part), "{table}");
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        let first = table.lines().next().map(cells);
        assert!(table.lines().all(|line| Some(cells(line)) == first), "{table}");
    }
}
