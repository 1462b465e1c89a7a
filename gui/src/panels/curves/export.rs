//! What is shown, as a file: a picture of the screen, a drawing, or numbers.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use eframe::egui::{self, ColorImage, Context, Rect, RichText, TextEdit};
use kelvin_chart::{Line as ChartLine, Numbers, Plot, SERIES, Scale, Sheet, Small};

use super::axis;
use super::drawing::{Drawing, Line};
use super::limits::with_room;
use crate::data::XAxis;
use crate::notices::Notices;
use crate::theme::{Icon, Palette, space};
use crate::widgets;

/// Frames until the dialog has faded from the picture.
const FADE: u8 = 3;

/// As what something is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// The plot as it is on the screen.
    Png,
    /// A drawing for a paper.
    Svg,
    /// The points.
    Csv,
}

impl Format {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Svg => "SVG",
            Self::Csv => "CSV",
        }
    }

    /// Its icon.
    pub fn icon(self) -> Icon {
        match self {
            Self::Png => Icon::Image,
            Self::Svg => Icon::PenTool,
            Self::Csv => Icon::Table,
        }
    }
}

/// What is to be saved.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// As what.
    pub format: Format,
    /// Which plot.
    pub plot: usize,
    /// Its metric.
    pub metric: Arc<str>,
    /// Its horizontal axis.
    pub axis: XAxis,
    /// Whether its vertical axis goes by factors.
    pub log: bool,
    /// Its lines.
    pub drawing: Arc<Drawing>,
    /// Which of them are shown.
    pub shown: Vec<bool>,
}

impl Job {
    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.drawing.lines.iter().zip(&self.shown).filter(|(_, shown)| **shown).map(|(line, _)| line)
    }
}

struct Dialog {
    job: Job,
    path: String,
    replace: bool,
}

/// Where a file went, or why it could not be written.
type Said = Result<String, String>;

/// Saving, from the question where to the file.
pub(super) struct Export {
    dialog: Option<Dialog>,
    /// A picture that is to be taken: of which plot, where to, whether over what is there, and after how many frames.
    pose: Option<(usize, PathBuf, bool, u8)>,
    said: (Sender<Said>, Receiver<Said>),
}

impl Default for Export {
    fn default() -> Self {
        Self { dialog: None, pose: None, said: channel() }
    }
}

impl Export {
    /// Asks where to.
    pub fn begin(&mut self, job: Job) {
        let name: String = job
            .metric
            .chars()
            .map(|letter| if letter.is_alphanumeric() || letter == '_' { letter } else { '-' })
            .collect();
        let file = format!("{name}.{}", job.format.name().to_lowercase());
        let folder = std::env::current_dir().unwrap_or_default();
        self.dialog = Some(Dialog { job, path: folder.join(file).display().to_string(), replace: false });
    }

    /// Whether a picture is being taken.
    pub fn is_posing(&self) -> bool {
        self.pose.is_some()
    }

    /// Says what became of files.
    pub fn poll(&mut self, notices: &mut Notices) {
        for said in self.said.1.try_iter() {
            match said {
                Ok(text) => notices.info(text),
                Err(text) => notices.error(text),
            }
        }
    }

    /// Draws the question, if one is open.
    pub fn dialog(&mut self, ctx: &Context) {
        let Some(dialog) = &mut self.dialog else { return };
        let mut save = false;
        let close = widgets::sheet(ctx, "export", 460.0, |ui| {
            let palette = Palette::of(ui);
            ui.heading(format!("Save {} as {}", dialog.job.metric, dialog.job.format.name()));
            let hint = match dialog.job.format {
                Format::Png => "The plot as it is on the screen, at its size and scale.",
                Format::Svg => {
                    "All of the curves that are shown, in the look of a report; light or dark as its reader has it."
                }
                Format::Csv => "The points of the curves that are shown: series, x, value, low, high, runs.",
            };
            ui.label(RichText::new(hint).color(palette.weak));
            ui.add_space(space::S);
            let field = ui.add(TextEdit::singleline(&mut dialog.path).desired_width(f32::INFINITY));
            field.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "File"));
            ui.checkbox(&mut dialog.replace, "Replace a file that is there");
            ui.add_space(space::S);
            let mut close = false;
            ui.horizontal(|ui| {
                save = ui.button("Save").clicked();
                close = ui.button("Cancel").clicked();
            });
            save |= field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            close
        });
        if save && let Some(dialog) = self.dialog.take() {
            self.save(ctx, dialog);
        } else if close {
            self.dialog = None;
        }
    }

    fn save(&mut self, ctx: &Context, dialog: Dialog) {
        let Dialog { job, path, replace } = dialog;
        let path = PathBuf::from(path);
        if job.format == Format::Png {
            self.pose = Some((job.plot, path, replace, FADE));
            ctx.request_repaint();
            return;
        }
        let (sender, ctx) = (self.said.0.clone(), ctx.clone());
        thread::spawn(move || {
            let text = match job.format {
                Format::Svg => svg(&job),
                _ => Ok(csv(&job)),
            };
            let said = text.and_then(|text| write(&path, replace, text.as_bytes()));
            // Nobody listens once the window is closed.
            sender.send(said).ok();
            ctx.request_repaint();
        });
    }

    /// Takes the picture, once nothing lies over the plot any more.
    pub fn shoot(&mut self, ctx: &Context, place: impl Fn(usize) -> Option<Rect>) {
        let Some((plot, path, replace, frames)) = &mut self.pose else { return };
        ctx.request_repaint();
        if *frames > 0 {
            *frames -= 1;
            return;
        }
        let (rect, path, replace) = (place(*plot), path.clone(), *replace);
        self.pose = None;
        let Some(rect) = rect else { return };
        let ask = ctx.clone();
        let (sender, ctx, scale) = (self.said.0.clone(), ctx.clone(), ctx.pixels_per_point());
        let taken = move |image: Arc<ColorImage>| {
            thread::spawn(move || {
                let said =
                    png(&image.region(&rect, Some(scale))).and_then(|bytes| write(&path, replace, &bytes));
                sender.send(said).ok();
                ctx.request_repaint();
            });
        };
        ask.request_screenshot(taken);
    }
}

/// Writes a file and says where it is.
fn write(path: &Path, replace: bool, bytes: &[u8]) -> Result<String, String> {
    let written = || -> io::Result<()> {
        if replace {
            return fs::write(path, bytes);
        }
        File::create_new(path)?.write_all(bytes)
    };
    match written() {
        Ok(()) => Ok(format!("saved {}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(format!(
            "`{}` is there already; choose another name, or allow it to be replaced",
            path.display()
        )),
        Err(error) => Err(format!("could not write `{}`: {error}", path.display())),
    }
}

fn png(image: &ColorImage) -> Result<Vec<u8>, String> {
    let [width, height] = image.size.map(|side| side as u32);
    let pixels: Vec<u8> = image.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    let picture = image::RgbImage::from_raw(width, height, pixels).ok_or("the picture has no pixels")?;
    let mut bytes = io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).map_err(|error| error.to_string())?;
    Ok(bytes.into_inner())
}

fn csv(job: &Job) -> String {
    let mut text =
        format!("series,{},{},low,high,runs\n", axis::name(job.axis).replace(' ', "_"), quoted(&job.metric));
    for line in job.lines() {
        for (point, (x, y)) in line.xs.iter().zip(&line.ys).enumerate() {
            if y.is_nan() {
                continue;
            }
            let ends = line.band.as_ref().map(|(low, high)| (low[point], high[point]));
            let (low, high) = ends
                .map_or((String::new(), String::new()), |(low, high)| (low.to_string(), high.to_string()));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{},{x},{y},{low},{high},{}", quoted(&line.name), line.runs[point]);
        }
    }
    text
}

/// A field as RFC 4180 has it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn svg(job: &Job) -> Result<String, String> {
    let place = |y: f64| match job.log {
        true if y > 0.0 => y.log10(),
        true => f64::NAN,
        false => y,
    };
    let (unit, name, numbers) = match job.axis {
        XAxis::WallTime => (3600.0, "hours", Numbers::Plain),
        axis => (1.0, axis::name(axis), Numbers::Counts),
    };
    let line = |(number, line): (usize, &Line)| {
        let points = line.xs.iter().zip(&line.ys).map(|(x, y)| (x / unit, place(*y))).collect();
        let band = line.band.as_ref().map(|(low, high)| {
            let edges = line.xs.iter().zip(low.iter().zip(high));
            let edges = edges.map(|(x, (low, high))| (x / unit, place(*low), place(*high)));
            edges.filter(|(_, low, high)| low.is_finite() && high.is_finite()).collect()
        });
        ChartLine { color: number, dashed: number >= SERIES.len(), points, band: band.unwrap_or_default() }
    };
    let lines: Vec<ChartLine> = job.lines().enumerate().map(line).collect();
    let limits =
        if job.log { job.drawing.y_positive.map(|ends| ends.map(f64::log10)) } else { job.drawing.y };
    let [low, high] = with_room(limits.unwrap_or([0.0, 1.0]));
    let xs = lines.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x));
    let label = if job.log { format!("log₁₀ {}", job.metric) } else { job.metric.to_string() };
    let plot = Plot {
        title: job.metric.to_string(),
        x: Scale::around(name, numbers, xs),
        y: Scale { name: label, from: low, to: high, numbers: Numbers::Counts },
        lines,
        levels: Vec::new(),
        empty: String::new(),
    };
    let legend: Vec<(usize, String)> =
        job.lines().enumerate().map(|(number, line)| (number, line.name.clone())).collect();
    let sheet = Sheet {
        title: &job.metric,
        legend: &legend,
        plots: &[Small::Plot(plot)],
        columns: 1,
        each: (760, 440),
    };
    Ok(sheet.svg()?.file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colors::SeriesKey;
    use crate::data::RunId;

    fn job(log: bool) -> Job {
        let line = |run, name: &str| Line {
            key: SeriesKey::Run(RunId(run)),
            name: name.to_owned(),
            xs: vec![0.0, 1e6, 2e6],
            ys: vec![1.0, f64::NAN, 100.0],
            raw: Vec::new(),
            band: (run == 0).then(|| (vec![0.5, f64::NAN, 90.0], vec![1.5, f64::NAN, 110.0])),
            runs: vec![3, 0, 2],
        };
        let lines = vec![line(0, "soft, wide"), line(1, "dqn & co"), line(2, "hidden")];
        let ends = Some([0.5, 110.0]);
        let drawing = Drawing { lines, x: Some([0.0, 2e6]), y: ends, y_positive: ends };
        Job {
            format: Format::Csv,
            plot: 0,
            metric: "mean_return".into(),
            axis: XAxis::Frames,
            log,
            drawing: Arc::new(drawing),
            shown: vec![true, true, false],
        }
    }

    #[test]
    fn numbers_of_what_is_shown() {
        let wanted = "series,frames,mean_return,low,high,runs\n\
                      \"soft, wide\",0,1,0.5,1.5,3\n\"soft, wide\",2000000,100,90,110,2\n\
                      dqn & co,0,1,,,3\ndqn & co,2000000,100,,,2\n";
        assert_eq!(csv(&job(false)), wanted);
    }

    #[test]
    fn a_drawing_has_its_names() {
        for log in [false, true] {
            let text = svg(&job(log)).unwrap();
            assert!(
                text.starts_with("<svg") && text.contains("soft, wide") && text.contains("dqn &amp; co"),
                "{text}"
            );
            assert!(!text.contains("hidden") && !text.contains("NaN"));
        }
    }

    #[test]
    fn nothing_is_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write(&path, false, b"1").unwrap();
        assert!(write(&path, false, b"2").unwrap_err().contains("is there already"));
        assert_eq!(fs::read(&path).unwrap(), b"1");
        write(&path, true, b"3").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"3");
        assert!(write(&folder.path().join("no/a.csv"), true, b"").unwrap_err().contains("could not write"));
    }

    #[test]
    fn a_picture_is_a_png() {
        let image = ColorImage::filled([4, 3], egui::Color32::RED);
        let bytes = png(&image).unwrap();
        assert_eq!(&bytes[1..4], b"PNG");
    }
}
