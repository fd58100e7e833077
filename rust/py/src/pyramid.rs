//! Levels of pyramids.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tiled_zarr_core::pyramid::{Number, Rule, bins, halve as halve_block, halved, minmax as minmax_of};

use crate::error::{detached, exception};
use crate::raw::buffer::Buffer;
use crate::raw::malloc;

/// Halve the last two axes of a block: one pixel out of each square of two by two.
#[pyfunction]
#[pyo3(signature = (block, dtype, rule="mean"))]
pub fn halve<'py>(py: Python<'py>, block: Buffer, dtype: &str, rule: &str) -> PyResult<Bound<'py, PyBytes>> {
    malloc::tune();
    let view = block.view()?;
    let number = Number::parse(dtype).map_err(exception)?;
    let rule = parse_rule(rule)?;
    let size = tiled_zarr_core::shape::nbytes(&halved(view.shape()), view.itemsize()).map_err(exception)?;
    PyBytes::new_with(py, size, |out| detached(py, || halve_block(&view, number, rule, out)))
}

/// The smallest and the largest number of each bin of a line.
#[pyfunction]
#[pyo3(signature = (line, dtype, factor, mark=None))]
pub fn minmax<'py>(py: Python<'py>, line: Buffer, dtype: &str, factor: usize, mark: Option<&[u8]>) -> PyResult<Bound<'py, PyBytes>> {
    malloc::tune();
    let view = line.view()?;
    let number = Number::parse(dtype).map_err(exception)?;
    let shape = [view.shape().first().map_or(0, |&n| bins(n, factor.max(1))), 2];
    let size = tiled_zarr_core::shape::nbytes(&shape, number.itemsize()).map_err(exception)?;
    PyBytes::new_with(py, size, |out| detached(py, || minmax_of(&view, number, factor, mark, out)))
}

fn parse_rule(rule: &str) -> PyResult<Rule> {
    Ok(match rule {
        "mean" => Rule::Mean,
        "mode" => Rule::Mode,
        "nearest" => Rule::Nearest,
        _ => return Err(PyValueError::new_err(format!("rule {rule:?}: choose one of mean, mode, nearest"))),
    })
}
