"""An ONNX model behind the KServe Python SDK, as quiet as it gets: no access log, no latency log, no gRPC.

Usage: kserve_server.py FILE PORT
"""

import logging
import sys

import onnxruntime
import uvicorn
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.utils.numpy_codec import from_np_dtype
from kserve.utils.utils import generate_uuid

FILE, PORT = sys.argv[1], int(sys.argv[2])

# The SDK binds every address and offers no flag.
uvicorn_init = uvicorn.Config.__init__


def loopback_only(self, app, *args, **kwargs):
    kwargs.update(host="127.0.0.1", access_log=False)
    uvicorn_init(self, app, *args, **kwargs)


uvicorn.Config.__init__ = loopback_only


class Onnx(Model):
    def __init__(self):
        super().__init__("m")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(FILE, options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]
        self.ready = True

    def predict(self, payload: InferRequest, headers=None, response_headers=None) -> InferResponse:
        results = self.session.run(self.names, {tensor.name: tensor.as_numpy() for tensor in payload.inputs})
        outputs = []
        for name, array in zip(self.names, results):
            output = InferOutput(name, list(array.shape), from_np_dtype(array.dtype))
            output.set_data_from_numpy(array, binary_data=payload.use_binary_outputs)
            outputs.append(output)
        return InferResponse(
            response_id=payload.id or generate_uuid(),
            model_name="m",
            infer_outputs=outputs,
            use_binary_outputs=payload.use_binary_outputs,
        )


logging.getLogger("uvicorn.access").disabled = True
ModelServer(http_port=PORT, workers=1, enable_grpc=False, enable_latency_logging=False).start([Onnx()])
