//! Finding runs: the folders below a root that have a `config.toml`.
//!
//! A folder is listed again when its time of change is another, and once in a while in any case, since clocks of
//! filesystems are coarse. Folders are looked at level by level, those of a level at the same time.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kelvin_run::Experiment;

use super::inbox::Token;
use super::parallel;

/// Folders between the root and a run, at most.
const DEPTH: usize = 6;
/// Folders looked at, at most: whoever opens the monitor on a home folder has not so many runs.
const MOST: usize = 50_000;
/// Every so many scans all folders are listed.
const THOROUGH_EVERY: u32 = 10;
/// Folders looked at at the same time.
const THREADS: usize = 8;

/// What was found at the last scan.
pub(super) struct Tree {
    root: PathBuf,
    known: BTreeMap<PathBuf, Known>,
    /// What the last scan found: as good as anything while the root cannot be read.
    last: Found,
    scans: u32,
}

/// A folder as it was found.
#[derive(Clone, Debug)]
enum Known {
    Run,
    Folder { modified: Option<SystemTime>, children: Vec<Child>, has_plan: bool },
}

/// A folder in a folder.
#[derive(Clone, Debug)]
struct Child {
    path: PathBuf,
    /// Where it really is, for a link.
    target: Option<PathBuf>,
}

/// What a scan brought.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Folders that are runs, in the order of their paths.
    pub runs: Vec<PathBuf>,
    /// Folders with the plan of an experiment.
    pub plans: Vec<PathBuf>,
    /// What could not be looked at, in words.
    pub problems: Vec<String>,
}

impl Tree {
    pub fn new(root: PathBuf) -> Self {
        Self { root, known: BTreeMap::new(), last: Found::default(), scans: 0 }
    }

    /// Forgets what is known, so that the next scan lists everything.
    pub fn forget(&mut self) {
        self.scans = 0;
    }

    /// Looks for runs.
    pub fn scan(&mut self, token: &Token) -> Found {
        let is_thorough = self.scans.is_multiple_of(THOROUGH_EVERY);
        self.scans = self.scans.wrapping_add(1);
        let mut found = Found::default();
        let mut now = BTreeMap::new();
        let mut links = Links::new(&self.root);
        let mut level = vec![self.root.clone()];
        let mut looked = 0;
        let mut out_of_reach: Option<String> = None;
        for _ in 0..=DEPTH {
            looked += level.len();
            if looked > MOST {
                found.problems.push(format!(
                    "{} has more than {MOST} folders below it; not all were looked at: open one nearer to the runs",
                    self.root.display()
                ));
                break;
            }
            let mut looks: Vec<_> = level.into_iter().map(|path| (path, None)).collect();
            let known = &self.known;
            parallel::each(
                &mut looks,
                THREADS,
                || token.is_wanted(),
                |(path, result)| {
                    *result = Some(look(path, known.get(path.as_path()), is_thorough));
                },
            );
            level = Vec::new();
            for (path, result) in looks {
                let folder = match result {
                    Some(Ok(folder)) => folder,
                    Some(Err(error)) if path == self.root => {
                        // A disk that is out of reach for a while; its runs are still chosen when it comes back.
                        let problem = format!("cannot read {}: {error}", path.display());
                        return Found { problems: vec![problem], ..self.last.clone() };
                    }
                    // What was there is there until it is gone.
                    Some(Err(error)) if !is_gone(&error) && self.known.contains_key(&path) => {
                        let folder = self.known[&path].clone();
                        // A run says so itself. One folder stands for all: with a disk, thousands are out of reach.
                        if matches!(folder, Known::Folder { .. }) {
                            let problem = || format!("cannot read {}: {error}", path.display());
                            out_of_reach.get_or_insert_with(problem);
                        }
                        folder
                    }
                    // Of a folder that is gone its parent will tell; others may simply not be ours.
                    Some(Err(_)) | None => continue,
                };
                match folder {
                    Known::Run => {
                        found.runs.push(path.clone());
                        now.insert(path, Known::Run);
                    }
                    Known::Folder { modified, children, has_plan } => {
                        level.extend(
                            children
                                .iter()
                                .filter(|child| links.lead_on(child))
                                .map(|child| child.path.clone()),
                        );
                        if has_plan {
                            found.plans.push(path.clone());
                        }
                        now.insert(path, Known::Folder { modified, children, has_plan });
                    }
                }
            }
            if level.is_empty() {
                break;
            }
        }
        found.problems.extend(out_of_reach);
        found.runs.sort();
        self.known = now;
        self.last = found.clone();
        found
    }
}

/// Whether the error says that there is nothing, and not only that it is out of reach.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What a folder is, as cheaply as what is known of it allows.
fn look(path: &Path, known: Option<&Known>, is_thorough: bool) -> io::Result<Known> {
    match known {
        Some(Known::Run) if !is_thorough => return Ok(Known::Run),
        Some(folder @ Known::Folder { modified: Some(before), .. })
            if !is_thorough && fs::metadata(path)?.modified().is_ok_and(|modified| modified == *before) =>
        {
            return Ok(folder.clone());
        }
        _ => {}
    }
    match fs::metadata(path.join("config.toml")) {
        Ok(about) if about.is_file() => return Ok(Known::Run),
        // Nobody knows whether what was a run still is one.
        Err(error) if !is_gone(&error) && matches!(known, Some(Known::Run)) => return Err(error),
        _ => {}
    }
    // Before the list: what comes meanwhile changes the time once more.
    let modified = fs::metadata(path)?.modified().ok();
    let (mut children, mut has_plan) = (Vec::new(), false);
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let (path, name, kind) = (entry.path(), entry.file_name(), entry.file_type()?);
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            children.push(Child { path, target: None });
        } else if kind.is_symlink() {
            if let Ok(target) = fs::canonicalize(&path)
                && target.is_dir()
            {
                children.push(Child { path, target: Some(target) });
            }
        } else if name == Experiment::FILE {
            has_plan = true;
        }
    }
    children.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Known::Folder { modified, children, has_plan })
}

/// Which links are followed: those that lead to where nothing else leads, so that no run is found twice and no scan
/// goes in a circle.
struct Links {
    reached: Vec<PathBuf>,
}

impl Links {
    fn new(root: &Path) -> Self {
        Self { reached: vec![fs::canonicalize(root).unwrap_or_else(|_| root.to_path_buf())] }
    }

    fn lead_on(&mut self, child: &Child) -> bool {
        let Some(target) = &child.target else { return true };
        let is_new =
            self.reached.iter().all(|reached| !target.starts_with(reached) && !reached.starts_with(target));
        if is_new {
            self.reached.push(target.clone());
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        fs::create_dir_all(path.join("objective/deep")).unwrap();
        fs::write(path.join("config.toml"), "").unwrap();
        path
    }

    fn names(tree: &mut Tree, token: &Token) -> Vec<String> {
        let root = tree.root.clone();
        let name = |path: PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
        tree.scan(token).runs.into_iter().map(name).collect()
    }

    #[test]
    fn runs_are_found_at_any_depth_and_not_below_runs() {
        let (_keeper, token) = Token::new();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["b", "a", "x/y/z/deep", ".hidden/c"] {
            run(root, name);
        }
        run(&root.join("a"), "fork");
        fs::write(root.join("x/experiment.json"), "{}").unwrap();
        let mut tree = Tree::new(root.to_path_buf());
        assert_eq!(names(&mut tree, &token), ["a", "b", "x/y/z/deep"]);
        assert_eq!(tree.scan(&token).plans, [root.join("x")]);
        // The root may be a run itself.
        assert_eq!(names(&mut Tree::new(root.join("a")), &token), [""]);
    }

    #[test]
    fn runs_that_come_and_go_are_noticed() {
        let (_keeper, token) = Token::new();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        run(root, "a");
        fs::create_dir(root.join("late")).unwrap();
        let mut tree = Tree::new(root.to_path_buf());
        assert_eq!(names(&mut tree, &token), ["a"]);
        assert_eq!(names(&mut tree, &token), ["a"]);
        // The times must differ by a tick of the filesystem's clock.
        std::thread::sleep(std::time::Duration::from_millis(20));
        run(root, "late");
        run(root, "deep/b");
        assert_eq!(names(&mut tree, &token), ["a", "deep/b", "late"]);
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::remove_dir_all(root.join("a")).unwrap();
        fs::remove_dir_all(root.join("deep")).unwrap();
        assert_eq!(names(&mut tree, &token), ["late"]);
    }

    #[test]
    fn what_is_out_of_reach_for_a_while_stays() {
        let (_keeper, token) = Token::new();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("runs");
        run(&root, "x/a");
        run(&root, "b");
        let mut tree = Tree::new(root.clone());
        assert_eq!(names(&mut tree, &token), ["b", "x/a"]);
        fs::rename(&root, folder.path().join("away")).unwrap();
        for _ in 0..2 {
            let found = tree.scan(&token);
            assert_eq!((found.runs.len(), found.problems.len()), (2, 1));
        }
        fs::rename(folder.path().join("away"), &root).unwrap();
        assert_eq!(names(&mut tree, &token), ["b", "x/a"]);
        assert!(tree.scan(&token).problems.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn folders_and_runs_that_are_out_of_reach_for_a_while_stay() {
        use std::os::unix::fs::symlink;
        let (_keeper, token) = Token::new();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("runs");
        run(&root, "x/y/a");
        run(&root, "b");
        let mut tree = Tree::new(root.clone());
        assert_eq!(names(&mut tree, &token), ["b", "x/y/a"]);
        // A link to itself is there, and nobody can look into it: as a server that does not answer, for any user.
        let away = |name: &str, in_folder: &Path| {
            let (path, aside) = (in_folder.join(name), folder.path().join("aside"));
            let before = fs::metadata(in_folder).unwrap().modified().unwrap();
            fs::rename(&path, &aside).unwrap();
            symlink(&path, &path).unwrap();
            fs::File::open(in_folder).unwrap().set_modified(before).unwrap();
            let in_folder = in_folder.to_owned();
            move || {
                fs::remove_file(&path).unwrap();
                fs::rename(&aside, &path).unwrap();
                fs::File::open(&in_folder).unwrap().set_modified(before).unwrap();
            }
        };
        let back = away("x", &root);
        for _ in 0..2 {
            let found = tree.scan(&token);
            assert_eq!(found.runs, [root.join("b"), root.join("x/y/a")]);
            assert!(matches!(&found.problems[..], [one] if one.contains("runs/x")), "{found:?}");
        }
        back();
        assert_eq!(tree.scan(&token).problems, [""; 0]);
        // The file that makes it a run, at a look at everything.
        let back = away("config.toml", &root.join("b"));
        tree.forget();
        assert_eq!(names(&mut tree, &token), ["b", "x/y/a"]);
        back();
        // What is gone is gone.
        fs::remove_dir_all(root.join("x/y")).unwrap();
        tree.forget();
        assert_eq!(names(&mut tree, &token), ["b"]);
    }

    #[test]
    fn what_is_unchanged_is_not_listed_again_but_once_in_a_while() {
        let (_keeper, token) = Token::new();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        run(root, "a");
        let mut tree = Tree::new(root.to_path_buf());
        assert_eq!(names(&mut tree, &token), ["a"]);
        // A change that the folder's time does not tell of.
        let before = fs::metadata(root).unwrap().modified().unwrap();
        run(root, "b");
        fs::File::open(root).unwrap().set_modified(before).unwrap();
        assert_eq!(names(&mut tree, &token), ["a"]);
        let scans = (1..=THOROUGH_EVERY).take_while(|_| names(&mut tree, &token) == ["a"]).count();
        assert!(scans < THOROUGH_EVERY as usize, "{scans}");
        assert_eq!(names(&mut tree, &token), ["a", "b"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once_and_never_in_a_circle() {
        use std::os::unix::fs::symlink;
        let (_keeper, token) = Token::new();
        let folder = tempfile::tempdir().unwrap();
        let (root, elsewhere) = (folder.path().join("root"), folder.path().join("elsewhere"));
        run(&root, "a");
        run(&elsewhere, "far");
        symlink(&elsewhere, root.join("link")).unwrap();
        symlink(&elsewhere, root.join("same")).unwrap();
        symlink(&root, root.join("circle")).unwrap();
        symlink(folder.path(), root.join("above")).unwrap();
        symlink(root.join("a"), root.join("twice")).unwrap();
        symlink(folder.path().join("nowhere"), root.join("broken")).unwrap();
        assert_eq!(names(&mut Tree::new(root), &token), ["a", "link/far"]);
    }

    #[test]
    fn a_root_that_is_not_there_is_a_problem() {
        let (_keeper, token) = Token::new();
        let folder = tempfile::tempdir().unwrap();
        let found = Tree::new(folder.path().join("none")).scan(&token);
        assert!(found.runs.is_empty() && found.problems[0].contains("none"), "{found:?}");
    }
}
