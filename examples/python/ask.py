"""Asks the demo's voice detector from Python, as a notebook would: where in the clip is speech?

    pip install 'tritonclient[http]'
    python examples/python/ask.py                      # or: ask.py 127.0.0.1:8080/speech/vad
"""

import sys
import wave
from collections import Counter
from pathlib import Path

import numpy as np
import tritonclient.http as http

CLIP = Path(__file__).parent.parent / "vad" / "clip.wav"  # 16 kHz, one channel
RATE, WINDOW, CONTEXT = 16_000, 512, 64  # samples: 32 ms at a time, with the end of the last one before it

# The endpoint of the deployment without http://, and the name of its model.
endpoint = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8080/speech/vad"
name = endpoint.rsplit("/", 1)[-1]


def tensor(name, values, datatype):
    """Its values travel as bytes behind the JSON, which is smaller and exact."""
    put = http.InferInput(name, list(values.shape), datatype)
    put.set_data_from_numpy(values)
    return put


with http.InferenceServerClient(endpoint) as client:
    takes = client.get_model_metadata(name)["inputs"]
    print("takes    ", {put["name"]: (put["datatype"], put["shape"]) for put in takes})

    with wave.open(str(CLIP)) as clip:
        sound = np.frombuffer(clip.readframes(clip.getnframes()), np.int16).astype(np.float32) / 32768
    context = np.zeros(CONTEXT, np.float32)
    state = np.zeros((2, 1, 128), np.float32)
    sent_to, speech = Counter(), []
    for start in range(0, len(sound) - WINDOW + 1, WINDOW):
        window = np.concatenate([context, sound[start : start + WINDOW]])
        answer = client.infer(
            name,
            [
                tensor("input", window[np.newaxis], "FP32"),
                tensor("state", state, "FP32"),
                tensor("sr", np.array(RATE, np.int64), "INT64"),
            ],
        )
        speech.append(float(answer.as_numpy("output")[0, 0]))
        state = answer.as_numpy("stateN")
        context = window[-CONTEXT:]
        sent_to[answer.get_response()["model_version"]] += 1

print("speech   ", "".join("▁▂▃▄▅▆▇█"[min(7, int(p * 8))] for p in speech))
# Two of them while a canary gets its share. They hand the state to each other then, which only like models take well.
print("answered by version", dict(sent_to))
