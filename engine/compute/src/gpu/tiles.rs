//! The tile of each product on one adapter: estimated, measured, or given.
//!
//! Another tile adds in another order, so a choice that was measured is kept in a file: the same file gives the same
//! bits. It is JSON that a person can read, and copy to another machine with the same adapter and driver.

use super::cache;
use super::estimate::Profile;
use super::products::ProductOp;
use super::tile::Tile;
use crate::{AdapterReport, Error, Tiling};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs};

/// Where tiles come from on one adapter.
#[derive(Debug)]
pub(super) struct Tiles {
    profile: Profile,
    source: Source,
    /// By [`ProductOp::name`].
    chosen: Mutex<BTreeMap<String, Tile>>,
}

#[derive(Debug)]
enum Source {
    Given(Tile),
    Estimated,
    /// And kept in the file.
    Measured(PathBuf),
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Whose kernels were measured, and on what.
    version: String,
    adapter: String,
    driver: String,
    tiles: BTreeMap<String, String>,
}

impl Tiles {
    /// [`Error::NoDevice`] for a tile that does not exist, or that the adapter cannot run.
    pub(super) fn new(report: &AdapterReport, tiling: &Tiling) -> Result<Self, Error> {
        let mut profile = Profile::new(report);
        let measures = report.kind.is_gpu() && env::var("KELVIN_AUTOTUNE").as_deref() != Ok("off");
        let source = match tiling {
            Tiling::Fixed(name) => {
                let tile = Tile::named(name).filter(|tile| profile.fits(tile));
                let refused =
                    || Error::NoDevice(format!("{} cannot compute in tiles of {name}", report.name));
                Source::Given(tile.ok_or_else(refused)?)
            }
            Tiling::Measured(path) => {
                profile = profile.with_choice();
                Source::Measured(path.clone())
            }
            // What is measured and not kept would give other bits in every run.
            Tiling::Auto => match cache::folder().filter(|_| measures) {
                Some(folder) => {
                    let adapter = cache::name_of(&report.name, &report.driver);
                    Source::Measured(folder.join(format!("autotune-{adapter}.json")))
                }
                None => Source::Estimated,
            },
            Tiling::Estimated => Source::Estimated,
        };
        let kept = match &source {
            Source::Measured(path) => load(path, report, &profile),
            Source::Given(_) | Source::Estimated => None,
        };
        Ok(Self { profile, source, chosen: Mutex::new(kept.unwrap_or_default()) })
    }

    /// The tile of a product from now on.
    pub(super) fn choose(&self, product: &ProductOp) -> Tile {
        if let Source::Given(tile) = self.source {
            return tile;
        }
        let first = || product.candidates(&self.profile)[0];
        *self.chosen().entry(product.name()).or_insert_with(first)
    }

    /// The tiles among which measuring is to decide; `None` if nothing is to be measured.
    pub(super) fn undecided(&self, product: &ProductOp) -> Option<Vec<Tile>> {
        let open = matches!(self.source, Source::Measured(_)) && !self.chosen().contains_key(&product.name());
        open.then(|| product.candidates(&self.profile))
    }

    /// What was decided stays: a plan may have been compiled by it.
    pub(super) fn decide(&self, product: &ProductOp, tile: Tile) {
        self.chosen().entry(product.name()).or_insert(tile);
    }

    /// Writes the file, if there is one. What another process has put there meanwhile stays.
    pub(super) fn keep(&self, report: &AdapterReport) {
        let Source::Measured(path) = &self.source else { return };
        let mut tiles = self.by_name();
        let others = load(path, report, &self.profile).unwrap_or_default();
        tiles.extend(others.into_iter().map(|(product, tile)| (product, tile.to_string())));
        let kept = Kept {
            version: env!("CARGO_PKG_VERSION").into(),
            adapter: report.name.clone(),
            driver: report.driver.clone(),
            tiles,
        };
        if let Ok(text) = serde_json::to_vec_pretty(&kept) {
            cache::replace(path, &text);
        }
    }

    /// Products and their tiles, as a person reads them.
    pub(super) fn by_name(&self) -> BTreeMap<String, String> {
        self.chosen().iter().map(|(product, tile)| (product.clone(), tile.to_string())).collect()
    }

    /// Invocations that keep the adapter busy.
    pub(super) fn busy_lanes(&self) -> usize {
        self.profile.busy_lanes
    }

    /// In words.
    pub(super) fn describe(&self) -> String {
        match &self.source {
            Source::Given(tile) => format!("tiles of {tile}"),
            Source::Estimated => "tiles estimated".into(),
            Source::Measured(path) => format!("tiles measured, kept in {}", path.display()),
        }
    }

    fn chosen(&self) -> MutexGuard<'_, BTreeMap<String, Tile>> {
        self.chosen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a file of this adapter, driver and version says; `None` if it is not one, or names a tile that cannot be.
fn load(path: &Path, report: &AdapterReport, profile: &Profile) -> Option<BTreeMap<String, Tile>> {
    let kept: Kept = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let found = (kept.version.as_str(), kept.adapter.as_str(), kept.driver.as_str());
    if found != (env!("CARGO_PKG_VERSION"), &report.name, &report.driver) {
        return None;
    }
    let tile = |name: &String| Tile::named(name).filter(|tile| profile.fits(tile));
    kept.tiles.into_iter().map(|(product, name)| Some((product, tile(&name)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AdapterKind;
    use crate::gpu::tile::TILES;
    use crate::{DenseShape, LayerParams, Op, Plan};

    fn report() -> AdapterReport {
        AdapterReport {
            name: "a GPU".into(),
            backend: "vulkan".into(),
            driver: "of some version".into(),
            kind: AdapterKind::Discrete,
            max_buffer_bytes: 1 << 30,
            workgroup_bytes: 32 << 10,
            workgroup_invocations: 256,
        }
    }

    fn measured(path: PathBuf, report: &AdapterReport) -> Tiles {
        let profile = Profile::new(report);
        let chosen = Mutex::new(load(&path, report, &profile).unwrap_or_default());
        Tiles { profile, source: Source::Measured(path), chosen }
    }

    fn product() -> ProductOp {
        let mut plan = Plan::new();
        let [x, params, y] = ["x", "params", "y"].map(|name| plan.buf(name, 1));
        let shape = DenseShape { batch: 32, inputs: 3136, outputs: 512 };
        let layer = LayerParams { weight: 0, bias: 0 };
        ProductOp::new(&Op::DenseForward { shape, x, params, layer, y, relu: true }).unwrap()
    }

    #[test]
    fn a_choice_survives_in_its_file_and_files_of_others_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let (path, report) = (folder.path().join("autotune.json"), report());
        let tiles = measured(path.clone(), &report);
        let candidates = tiles.undecided(&product()).unwrap();
        let last = candidates[candidates.len() - 1];
        tiles.decide(&product(), last);
        tiles.keep(&report);
        let again = measured(path.clone(), &report);
        assert!(again.undecided(&product()).is_none());
        assert_eq!((again.choose(&product()), again.by_name()), (last, tiles.by_name()));

        let updated = AdapterReport { driver: "of another version".into(), ..report.clone() };
        assert!(measured(path.clone(), &updated).undecided(&product()).is_some());
        let good = fs::read_to_string(&path).unwrap();
        for broken in [&good[..good.len() / 2], "", "[]", &good.replace(&last.to_string(), "3x3/1x1/7")] {
            fs::write(&path, broken).unwrap();
            let tiles = measured(path.clone(), &report);
            assert!(tiles.undecided(&product()).is_some(), "{broken}");
            tiles.decide(&product(), last);
            tiles.keep(&report);
            assert_eq!(fs::read_to_string(&path).unwrap(), good);
        }
    }

    #[test]
    fn every_tile_is_found_by_its_name() {
        for tile in TILES {
            assert_eq!(Tile::named(&tile.to_string()), Some(tile));
        }
        assert_eq!(Tile::named("32x32"), None);
    }
}
