use super::*;

/// A fresh folder under the system's temporary one, removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let dir = env::temp_dir().join(format!("kelvin-roms-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn with(self, file: &str, bytes: &[u8]) -> Self {
        fs::write(self.0.join(file), bytes).unwrap();
        self
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_table_is_sorted_and_holds_md5s() {
    assert!(ROMS.is_sorted_by(|a, b| a.0 < b.0), "locate() searches it by halves");
    for (game, md5) in ROMS {
        assert!(
            md5.len() == 32 && md5.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')),
            "{game}: {md5}"
        );
    }
    for game in ["beam_rider", "breakout", "enduro", "pong", "qbert", "seaquest", "space_invaders"] {
        assert!(md5_of(game).is_some(), "the paper plays {game}");
    }
}

#[test]
fn a_missing_rom_says_where_it_looked_and_what_to_do() {
    let (a, b) = (Folder::new("missing-a"), Folder::new("missing-b"));
    let error = locate_in("pong", vec![a.0.clone(), b.0.clone()]).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("no ROM for `pong`: looked for pong.bin in "), "{text}");
    assert!(text.contains(&*a.0.to_string_lossy()) && text.contains(&*b.0.to_string_lossy()), "{text}");
    assert!(error.hint().unwrap().contains("./kelvin roms"));
    assert!(locate_in("pong", vec![]).unwrap_err().to_string().contains("no folder at all"));
}

#[test]
fn files_that_would_hang_or_kill_the_emulator_are_refused_by_size() {
    for bytes in [&b"junk"[..], &[0; 65537], b""] {
        let dir = Folder::new(&format!("size-{}", bytes.len())).with("pong.bin", bytes);
        let error = locate_in("pong", vec![dir.0.clone()]).unwrap_err();
        assert!(matches!(error, EnvError::RomSize { .. }), "{error}");
    }
}

#[test]
fn a_wrong_file_is_an_error_even_when_a_later_folder_could_serve() {
    let (wrong, empty) = (Folder::new("wrong").with("pong.bin", &[7; 2048]), Folder::new("later"));
    let error = locate_in("pong", vec![empty.0.clone(), wrong.0.clone()]).unwrap_err();
    let EnvError::RomMd5 { found, wanted, .. } = &error else { panic!("{error}") };
    assert_eq!(*wanted, "60e0ea3cbe0913d39803477945e9e5ec");
    assert_ne!(found, wanted);
    assert!(error.to_string().contains(found.as_str()) && error.to_string().contains(wanted));
}

#[test]
fn a_folder_in_place_of_the_file_is_an_error() {
    let dir = Folder::new("folder");
    fs::create_dir(dir.0.join("pong.bin")).unwrap();
    // A folder's size differs between file systems, so it fails as unreadable or as no cartridge.
    let error = locate_in("pong", vec![dir.0.clone()]).unwrap_err();
    assert!(matches!(error, EnvError::RomUnreadable { .. } | EnvError::RomSize { .. }), "{error}");
}

#[test]
fn md5_is_the_md5_of_the_standard() {
    assert_eq!(hex(&Md5::digest(b"abc")), "900150983cd24fb0d6963f7d28e17f72");
}

#[test]
fn the_explicit_folder_comes_first_and_unknown_games_are_refused() {
    let path = search_path(Some(Path::new("/roms/of/mine")));
    assert_eq!(path[0], Path::new("/roms/of/mine"));
    assert!(matches!(locate("pnog", None), Err(EnvError::UnknownEnv { suggestion: Some("pong"), .. })));
    assert_eq!(status(None).len(), games().count());
}
