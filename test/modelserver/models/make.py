"""Makes the small ONNX files of these tests.

    python3 -m venv /tmp/onnx && /tmp/onnx/bin/pip install onnx==1.23.2 numpy==2.4.6 && /tmp/onnx/bin/python make.py

The files are committed, so the tests need no Python. Run again only to add a model.
"""

from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

HERE = Path(__file__).parent


def write(name, nodes, inputs, outputs, initializers=(), **how):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="clops-tests")
    model.ir_version = 8
    checker.check_model(model)
    save(model, HERE / f"{name}.onnx", **how)


def value(name, datatype, shape):
    return helper.make_tensor_value_info(name, datatype, shape)


def constant(name, array):
    return numpy_helper.from_array(array, name)


# One identity of every datatype, with one free and one fixed dimension.
DATATYPES = {
    "BOOL": TensorProto.BOOL,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
    "BF16": TensorProto.BFLOAT16,
}
for datatype, kind in DATATYPES.items():
    write(
        f"identity_{datatype.lower()}",
        [helper.make_node("Identity", ["x"], ["y"])],
        [value("x", kind, ["n", 2])],
        [value("y", kind, ["n", 2])],
    )

# Two inputs and two outputs of 64-bit integers.
write(
    "add_int64",
    [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Sub", ["a", "b"], ["difference"])],
    [value("a", TensorProto.INT64, ["n"]), value("b", TensorProto.INT64, ["n"])],
    [value("sum", TensorProto.INT64, ["n"]), value("difference", TensorProto.INT64, ["n"])],
)

# A scalar beside a vector.
write(
    "scale",
    [helper.make_node("Mul", ["x", "factor"], ["y"])],
    [value("x", TensorProto.FLOAT, ["n"]), value("factor", TensorProto.FLOAT, [])],
    [value("y", TensorProto.FLOAT, ["n"])],
)

# log: 0 gives -inf and a negative number NaN.
write(
    "log",
    [helper.make_node("Log", ["x"], ["y"])],
    [value("x", TensorProto.FLOAT, ["n"])],
    [value("y", TensorProto.FLOAT, ["n"])],
)

# Fails inside the graph: a free dimension that only works when it is a multiple of 3, so 1 (the warm-up) fails too.
write(
    "threes",
    [helper.make_node("Reshape", ["x", "shape"], ["y"])],
    [value("x", TensorProto.FLOAT, ["n"])],
    [value("y", TensorProto.FLOAT, ["m", 3])],
    [constant("shape", np.array([-1, 3], dtype=np.int64))],
)


# A sequence beside a tensor, as scikit-learn's converter makes of probabilities.
write(
    "sequence",
    [helper.make_node("SequenceConstruct", ["x"], ["probabilities"]), helper.make_node("Identity", ["x"], ["label"])],
    [value("x", TensorProto.FLOAT, ["n"])],
    [
        helper.make_tensor_sequence_value_info("probabilities", TensorProto.FLOAT, ["n"]),
        value("label", TensorProto.FLOAT, ["n"]),
    ],
)

# Nothing but a sequence.
write(
    "only_sequence",
    [helper.make_node("SequenceConstruct", ["x"], ["probabilities"])],
    [value("x", TensorProto.FLOAT, ["n"])],
    [helper.make_tensor_sequence_value_info("probabilities", TensorProto.FLOAT, ["n"])],
)

# Its weights are in a second file, as exporters do it above 2 GB; nobody sends that one along.
write(
    "outside",
    [helper.make_node("Mul", ["x", "w"], ["y"])],
    [value("x", TensorProto.FLOAT, ["n"])],
    [value("y", TensorProto.FLOAT, ["n"])],
    [constant("w", np.array([2], dtype=np.float32))],
    save_as_external_data=True,
    location="outside.bin",
    size_threshold=0,
)
(HERE / "outside.bin").unlink()


# `rounds` times x := tanh(x + x.W), with a W that the graph makes from two factors: as slow as wanted in a small file.
def rounds(name, count=None, size=256):
    column = np.sin(np.arange(size, dtype=np.float32)).reshape(size, 1) / size
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["h_in", "w"], ["step"]),
            helper.make_node("Add", ["h_in", "step"], ["moved"]),
            helper.make_node("Tanh", ["moved"], ["h_out"]),
            helper.make_node("Identity", ["go_in"], ["go_out"]),
        ],
        "round",
        [value("i", TensorProto.INT64, []), value("go_in", TensorProto.BOOL, []), value("h_in", TensorProto.FLOAT, None)],
        [value("go_out", TensorProto.BOOL, []), value("h_out", TensorProto.FLOAT, None)],
    )
    inputs = [value("x", TensorProto.FLOAT, ["n", size])]
    initializers = [constant("column", column), constant("row", column.reshape(1, size).copy())]
    if count is None:
        inputs.append(value("rounds", TensorProto.INT64, []))
    else:
        initializers.append(constant("rounds", np.array(count, dtype=np.int64)))
    write(
        name,
        [
            helper.make_node("MatMul", ["column", "row"], ["w"]),
            helper.make_node("Loop", ["rounds", "", "x"], ["h"], body=body),
            helper.make_node("ReduceMean", ["h"], ["y"], axes=[1], keepdims=0),
        ],
        inputs,
        [value("y", TensorProto.FLOAT, ["n"])],
        initializers,
    )


# The caller says how long it takes; none at all in the warm-up, so it looks like a fast model until it is asked.
rounds("rounds")
# About 10 ms on one core, whoever asks.
rounds("slow", count=1000)
