//! Symmetric positive definite systems of equations, by Cholesky's factorisation.
//!
//! A library of linear algebra would add more code than this crate has, for one factorisation of
//! matrices of about a thousand rows.

use super::vector::dot;

/// The lower triangle L of a matrix A = L Lᵀ.
pub(super) struct Cholesky {
    /// Row-major `[size, size]`; above the diagonal is what the matrix had.
    factor: Vec<f64>,
    size: usize,
}

impl Cholesky {
    /// Factorises a symmetric matrix, row-major `[size, size]`, of which the lower triangle is read:
    /// in `size³ / 6` multiplications, in place. The error is the row at which the matrix turns out
    /// not to be positive definite.
    pub fn new(mut matrix: Vec<f64>, size: usize) -> Result<Self, usize> {
        assert_eq!(matrix.len(), size * size, "a square matrix");
        for row in 0..size {
            let (above, rest) = matrix.split_at_mut(row * size);
            let current = &mut rest[..size];
            for (column, other) in above.chunks_exact(size).enumerate() {
                let known = dot(&current[..column], &other[..column]);
                current[column] = (current[column] - known) / other[column];
            }
            let diagonal = current[row];
            let square = diagonal - dot(&current[..row], &current[..row]);
            // What rounding leaves of a zero is no larger.
            if square.is_nan() || square <= diagonal * size as f64 * f64::EPSILON {
                return Err(row);
            }
            current[row] = square.sqrt();
        }
        Ok(Self { factor: matrix, size })
    }

    /// Solves A x = b in place, in `size²` multiplications.
    pub fn solve(&self, b: &mut [f64]) {
        assert_eq!(b.len(), self.size, "a right-hand side of as many rows");
        let rows = || self.factor.chunks_exact(self.size).enumerate();
        for (row, factor) in rows() {
            b[row] = (b[row] - dot(&b[..row], &factor[..row])) / factor[row];
        }
        for (row, factor) in rows().rev() {
            let x = b[row] / factor[row];
            b[row] = x;
            b[..row].iter_mut().zip(factor).for_each(|(b, factor)| *b -= x * factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solutions_satisfy_the_equations() {
        for size in [1, 2, 7, 8, 30] {
            // The Hilbert matrix plus the identity.
            let at = |row: usize, column: usize| {
                1.0 / (row + column + 1) as f64 + f64::from(u8::from(row == column))
            };
            let matrix: Vec<f64> = (0..size * size).map(|i| at(i / size, i % size)).collect();
            let expected: Vec<f64> = (0..size).map(|row| (row as f64 * 1.3).sin()).collect();
            let product =
                |row: usize| (0..size).map(|column| at(row, column) * expected[column]).sum::<f64>();
            let mut solution: Vec<f64> = (0..size).map(product).collect();
            Cholesky::new(matrix, size).unwrap().solve(&mut solution);
            for (found, expected) in solution.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-12, "{size} rows: {found}, expected {expected}");
            }
        }
    }

    #[test]
    fn matrices_that_are_not_positive_definite_are_refused() {
        let singular = vec![0.1, 0.3, 0.3, 0.9];
        assert_eq!(Cholesky::new(singular, 2).err(), Some(1));
        assert_eq!(Cholesky::new(vec![1.0, 2.0, 2.0, 1.0], 2).err(), Some(1));
        assert_eq!(Cholesky::new(vec![f64::NAN], 1).err(), Some(0));
        assert_eq!(Cholesky::new(vec![0.0], 1).err(), Some(0));
    }
}
