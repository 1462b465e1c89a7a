//! `means[j] = Σ_i rows[i, j] / rows`.

/// `rows: [count, means.len()]`.
pub(super) fn run(rows: &[f32], means: &mut [f32], count: usize) {
    means.fill(0.0);
    super::bias::add_column_sums(rows, means);
    for mean in means {
        *mean /= count as f32;
    }
}
