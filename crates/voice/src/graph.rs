//! ONNX graphs on `tract`.
//!
//! A convolution whose length is known when it is planned runs two to five times faster than one of any length, but a
//! plan takes about 10 ms to make. So a graph is planned once for a few fixed lengths, and once for any length.

use std::{collections::HashMap, io::Cursor, sync::Arc};

use anyhow::{Context, Result};
use tract_onnx::{
    prelude::*,
    tract_hir::internal::{Factoid, ToDim},
};

/// A graph whose inputs are `[1, n, …]`, with plans for some values of `n`.
pub struct Graph {
    fixed: Vec<(usize, Arc<TypedRunnableModel>)>,
    any: Arc<TypedRunnableModel>,
}

/// The shape of an input. `None` stands for the length `n`.
pub type Shape<'a> = &'a [Option<usize>];

impl Graph {
    /// Reads an ONNX file and plans it for each of `lengths` (rising) and for any length.
    ///
    /// # Errors
    /// When the bytes are no ONNX graph, or one that `tract` cannot plan.
    pub fn load(onnx: &[u8], inputs: &[Shape], lengths: &[usize]) -> Result<Self> {
        let mut model = tract_onnx::onnx()
            // Names of output dimensions that the exporter wrote only get in the way of ours.
            .with_ignore_output_shapes(true)
            .model_for_read(&mut Cursor::new(onnx))
            .context("not a readable ONNX graph")?;
        let n = model.symbols.sym("N");
        for (index, shape) in inputs.iter().enumerate() {
            let kind = model.input_fact(index)?.datum_type.concretize().context("an input has no type")?;
            let shape: TVec<TDim> =
                shape.iter().map(|size| size.map_or_else(|| n.to_dim(), |size| size.to_dim())).collect();
            model.set_input_fact(index, InferenceFact::dt_shape(kind, shape))?;
        }
        let typed = model.into_typed()?.into_decluttered()?;
        let mut fixed = Vec::with_capacity(lengths.len());
        for &length in lengths {
            let known = HashMap::from([(n.clone(), length.to_dim())]);
            fixed.push((length, typed.set_symbols(&known)?.into_optimized()?.into_runnable()?));
        }
        Ok(Self { fixed, any: typed.into_optimized()?.into_runnable()? })
    }

    /// Runs the graph on inputs of length `n` with the fastest plan there is for it.
    ///
    /// # Errors
    /// When an input does not fit the graph.
    pub fn run(&self, n: usize, inputs: TVec<TValue>) -> Result<TVec<TValue>> {
        let planned = self.fixed.iter().find(|(length, _)| *length == n);
        planned.map_or(&self.any, |(_, plan)| plan).run(inputs)
    }

    /// The lengths that have a plan of their own, rising.
    pub fn lengths(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.fixed.iter().map(|(length, _)| *length)
    }
}

/// A tensor of this shape.
///
/// # Errors
/// When the shape does not fit the number of values.
pub fn tensor<T: Datum + Copy>(shape: &[usize], values: &[T]) -> Result<TValue> {
    Ok(Tensor::from_shape(shape, values)?.into())
}

/// The values of a float tensor, in row-major order.
///
/// # Errors
/// When it is not a float tensor.
pub fn floats(value: &TValue) -> Result<&[f32]> {
    value.try_as_plain_ram()?.as_slice::<f32>()
}
