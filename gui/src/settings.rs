//! What the monitor remembers: `$XDG_CONFIG_HOME/kelvin/monitor.json`, else `$HOME/.config/kelvin/monitor.json`. A file that
//! cannot be read is as if it were not there.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use eframe::egui::ThemePreference;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::layout::Layout;
use crate::panels::{CurvesSettings, RunsSettings};

/// Folders whose selections are kept.
const FOLDERS: usize = 32;

/// Everything that is remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Light, dark, or as the system has it.
    pub theme: ThemePreference,
    /// The scale of everything, 1 to 2.
    pub zoom: Option<f32>,
    /// Where which panel is; as usual if it was saved by a version that has other panels.
    #[serde(deserialize_with = "if_known")]
    pub layout: Option<Layout>,
    /// How the runs are listed.
    pub runs: RunsSettings,
    /// Which curves are drawn, and how.
    pub curves: CurvesSettings,
    /// What was chosen, by the folder that was looked at.
    pub selections: BTreeMap<PathBuf, SavedSelection>,
}

/// What can be read, or nothing of it: one part that is of another version leaves the others alone.
fn if_known<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(serde_json::Value::deserialize(from)?).unwrap_or(None))
}

/// Chosen runs, by their folders.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedSelection {
    /// The run in focus.
    pub focus: Option<PathBuf>,
    /// Those in the plots.
    pub plotted: Vec<PathBuf>,
}

impl Settings {
    /// Where they are kept, if this machine says where such things go.
    pub fn path() -> Option<PathBuf> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let config = absolute("XDG_CONFIG_HOME")
            .or_else(|| absolute("APPDATA"))
            .or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
        Some(config.join("kelvin").join("monitor.json"))
    }

    /// What a file says, or nothing of it if it is broken.
    pub fn load(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// As text.
    pub fn to_text(&self) -> String {
        // Maps have text for keys, numbers are finite or null, and nothing else can fail in memory.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Remembers what is chosen in a folder, and forgets another folder if there are many.
    pub fn remember(&mut self, root: &Path, selection: SavedSelection) {
        while self.selections.len() >= FOLDERS && !self.selections.contains_key(root) {
            self.selections.pop_first();
        }
        self.selections.insert(root.to_owned(), selection);
    }
}

/// Writes the text of settings, whole or not at all.
///
/// # Errors
/// Where the folder cannot be written to.
pub fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kelvin/monitor.json");
        let mut settings = Settings { theme: ThemePreference::Light, zoom: Some(1.5), ..Settings::default() };
        settings.layout = Some(Layout::default());
        let selection = SavedSelection { focus: Some("runs/a".into()), plotted: vec!["runs/b".into()] };
        settings.remember(Path::new("/runs"), selection);
        write(&path, &settings.to_text()).unwrap();
        assert_eq!(Settings::load(&path), settings);
    }

    #[test]
    fn a_broken_file_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("monitor.json");
        for text in ["", "{", r#"{"theme": 3}"#, r#"{"layout": {"root": "x"}}"#, "\u{0}\u{1}"] {
            fs::write(&path, text).unwrap();
            assert_eq!(Settings::load(&path), Settings::default(), "{text:?}");
        }
        assert_eq!(Settings::load(&folder.path().join("nothing")), Settings::default());
    }

    #[test]
    fn what_an_older_version_did_not_know_has_its_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("monitor.json");
        fs::write(&path, r#"{"zoom": 1.25, "of another version": 1}"#).unwrap();
        assert_eq!(Settings::load(&path).zoom, Some(1.25));
        // A layout with a panel that this version has not.
        let mut settings =
            Settings { zoom: Some(1.5), layout: Some(Layout::default()), ..Settings::default() };
        let text = settings.to_text().replace("\"Health\"", "\"Weather\"");
        fs::write(&path, text).unwrap();
        settings.layout = None;
        assert_eq!(Settings::load(&path), settings);
    }

    #[test]
    fn selections_of_many_folders_are_forgotten() {
        let mut settings = Settings::default();
        for number in 0..40 {
            settings.remember(Path::new(&format!("/{number:02}")), SavedSelection::default());
        }
        assert_eq!(settings.selections.len(), FOLDERS);
        assert!(settings.selections.contains_key(Path::new("/39")));
    }
}
