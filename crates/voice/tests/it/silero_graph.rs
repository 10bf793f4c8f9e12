//! A small graph with the signature of Silero's `v5_cis_base`, built here: ids `i64[1, T]`, speaker `i64[1]` →
//! `f32[1, T·480]` at 48 kHz. Every symbol becomes 10 ms of a level of its own, plus one of the speaker, so a test can
//! read from the sound which symbols went in, in which order, and who spoke.

use std::path::Path;

use prost::Message;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, attribute_proto, tensor_proto::DataType, tensor_shape_proto::Dimension,
    tensor_shape_proto::dimension, type_proto,
};

/// Samples of a symbol.
pub const SAMPLES_PER_SYMBOL: usize = 480;
/// Level of symbol `id` of speaker `speaker`.
pub fn level(id: i64, speaker: i64) -> f32 {
    id as f32 / 128.0 + speaker as f32 / 8.0
}

const SYMBOLS: i64 = 48;
const SPEAKERS: i64 = 3;

/// Writes a package: `voice.json` and `model.onnx`.
pub fn write(directory: &Path) {
    std::fs::write(directory.join("model.onnx"), graph().encode_to_vec()).unwrap();
    let letters: serde_json::Map<String, serde_json::Value> = " абвгдеёжзийклмнопрстуфхцчшщъыьэюя.,!?-"
        .chars()
        .enumerate()
        .map(|(at, c)| (c.to_string(), (at + 3).into()))
        .collect();
    let manifest = serde_json::json!({
        "format": "silero-1", "name": "tiny-ru", "languages": ["ru"], "sample_rate": 48000, "graph": "model.onnx",
        "inputs": {"ids": "ids", "speaker": "speaker"}, "output": "audio", "start_id": 2, "end_id": 1,
        "symbols": letters, "speakers": {"anna": 0, "boris": 1}, "default_speaker": "anna", "lowercase": true
    });
    std::fs::write(directory.join("voice.json"), manifest.to_string()).unwrap();
}

fn graph() -> ModelProto {
    let table = |rows: i64, value: fn(i64) -> f32| (0..rows).map(value).collect::<Vec<f32>>();
    let nodes = vec![
        node("Gather", &["symbol_levels", "ids"], "by_symbol", &[]),
        node("Gather", &["speaker_levels", "speaker"], "by_speaker", &[]),
        node("Add", &["by_symbol", "by_speaker"], "levels", &[]),
        node("Unsqueeze", &["levels", "last_axis"], "columns", &[]),
        node("Expand", &["columns", "samples"], "rows", &[]),
        node("Reshape", &["rows", "flat"], "audio", &[]),
    ];
    let initializer = vec![
        floats("symbol_levels", &[SYMBOLS], table(SYMBOLS, |id| id as f32 / 128.0)),
        floats("speaker_levels", &[SPEAKERS], table(SPEAKERS, |id| id as f32 / 8.0)),
        integers("last_axis", &[2]),
        integers("samples", &[1, 1, SAMPLES_PER_SYMBOL as i64]),
        integers("flat", &[1, -1]),
    ];
    let inputs = vec![value("ids", DataType::Int64, &[Some(1), None]), value("speaker", DataType::Int64, &[Some(1)])];
    let graph = GraphProto {
        name: "tiny".into(),
        node: nodes,
        initializer,
        input: inputs,
        output: vec![value("audio", DataType::Float, &[Some(1), None])],
        ..Default::default()
    };
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        graph: Some(graph),
        ..Default::default()
    }
}

fn node(op: &str, inputs: &[&str], output: &str, attributes: &[(&str, i64)]) -> NodeProto {
    let attribute = |(name, i): &(&str, i64)| AttributeProto {
        name: (*name).into(),
        r#type: attribute_proto::AttributeType::Int as i32,
        i: *i,
        ..Default::default()
    };
    NodeProto {
        op_type: op.into(),
        name: output.into(),
        input: inputs.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.to_owned()],
        attribute: attributes.iter().map(attribute).collect(),
        ..Default::default()
    }
}

fn floats(name: &str, dims: &[i64], values: Vec<f32>) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: DataType::Float as i32,
        float_data: values,
        ..Default::default()
    }
}

fn integers(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: DataType::Int64 as i32,
        int64_data: values.to_vec(),
        ..Default::default()
    }
}

fn value(name: &str, kind: DataType, dims: &[Option<i64>]) -> ValueInfoProto {
    let dim = |size: &Option<i64>| Dimension {
        value: Some(size.map_or_else(|| dimension::Value::DimParam("T".into()), dimension::Value::DimValue)),
        ..Default::default()
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = type_proto::Tensor { elem_type: kind as i32, shape: Some(shape) };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() }),
        ..Default::default()
    }
}
