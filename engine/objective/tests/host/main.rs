//! What scripts may do: the working side of the language, on scripts written here.

mod axes;
mod hooks;
mod imports;
mod limits;
mod numbers;
mod reference;
mod script;
mod steering;
mod support;
