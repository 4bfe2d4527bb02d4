"""What the SenseVoice and FSMN-VAD probes share: funasr's own layers, and the pipeline that they make."""

import importlib.util
import sys
import types

import _filterbank as filterbank
import numpy as np
import torch

#: What is imported on the way and never used by these models, with the names taken from it: it needs more packages.
STUBS = {"librosa": (), "kaldiio": (), "funasr.metrics.common": ("end_detect",)}
#: Frames to stack, step and scale: what SenseVoice gets, and what the VAD gets.
STACKS = [(7, 6, 0.25), (5, 1, 0.025)]
ENCODER = {
    "output_size": 512,
    "attention_heads": 4,
    "linear_units": 2048,
    "num_blocks": 3,  # 50 in the published model
    "tp_blocks": 2,  # 20 in the published model
    "kernel_size": 11,
    "sanm_shfit": 0,
    "normalize_before": True,
}
VAD = {
    "input_dim": 400,
    "input_affine_dim": 140,
    "fsmn_layers": 4,
    "linear_dim": 250,
    "proj_dim": 128,
    "lorder": 20,
    "rorder": 0,
    "lstride": 1,
    "rstride": 0,
    "output_affine_dim": 140,
    "output_dim": 248,
}
CACHES = ["in_cache%d" % index for index in range(VAD["fsmn_layers"])]


def funasr(name):
    """Import one module of funasr without its 25 requirements.

    The package's own `__init__` walks over and imports every module it has, so a bare package stands in for it. Modules
    on the way import what reads audio files or counts errors; empty ones stand in for these for as long.
    """
    if "funasr" not in sys.modules:
        found = importlib.util.find_spec("funasr")
        if found is None:
            raise ModuleNotFoundError("No module named 'funasr'")
        package = types.ModuleType("funasr")
        package.__path__ = list(found.submodule_search_locations)
        package.__spec__ = found
        sys.modules["funasr"] = package
    absent = [stub for stub in STUBS if stub not in sys.modules]
    for stub in absent:
        sys.modules[stub] = types.ModuleType(stub)
        vars(sys.modules[stub]).update(dict.fromkeys(STUBS[stub]))
    try:
        return importlib.import_module("funasr." + name)
    finally:
        for stub in absent:
            del sys.modules[stub]


def encoder():
    """Return SenseVoiceSmall with fewer layers and a vocabulary of 500, as its `export` rebuilds it."""
    model = funasr("models.sense_voice.model").SenseVoiceSmall(
        encoder="SenseVoiceEncoderSmall", encoder_conf=ENCODER, ctc_conf={}, input_size=560, vocab_size=500
    )
    return model.export(max_seq_len=512)


class Vad(torch.nn.Module):
    """The FSMN-VAD with its published configuration, as its `export` rebuilds it, with names for the caches."""

    def __init__(self):
        super().__init__()
        self.encoder = detector().export(encoder="FSMN").encoder

    def forward(self, speech, in_cache0, in_cache1, in_cache2, in_cache3):
        """Return scores and the four caches after these frames."""
        return self.encoder(speech, in_cache0, in_cache1, in_cache2, in_cache3)


def detector(**options):
    """Return the FSMN-VAD as it is used in Python: network, energy and state machine."""
    funasr("models.fsmn_vad_streaming.encoder")
    model = funasr("models.fsmn_vad_streaming.model").FsmnVADStreaming(encoder="FSMN", encoder_conf=VAD, **options)
    return model.eval()


def caches(dtype=np.float32):
    """Return the caches of the VAD network before the first frame."""
    return {name: np.zeros((1, VAD["proj_dim"], VAD["lorder"] - 1, 1), dtype) for name in CACHES}


def stages():
    """Return the modules of the chain from wave to logits."""
    return {"frontend": filterbank.Frontend("conv1d", STACKS), "vad": Vad(), "encoder": encoder()}


def spoken(random, samples):
    """Return the inputs of the whole: a wave (1, samples) with two stretches of speech, language and text form."""
    return {
        "wave": filterbank.speech(random, samples, [(0.25, 0.4), (0.7, 0.85)]),
        "language": random.choice([0, 3, 4, 7, 11, 12], 1).astype(np.int32),
        "textnorm": random.choice([14, 15], 1).astype(np.int32),
    }


def segments(stages, wave, speech_pdfs):
    """Return where funasr's own state machine hears speech: (count, 2), in milliseconds.

    Args:
        stages: the chain.
        wave: (1, samples).
        speech_pdfs: classes of the network that mean speech; all others mean silence.
    """
    feats = stages["frontend"](wave=wave)["vad_feats"]
    scores = stages["vad"](speech=feats, **caches(wave.dtype))["logits"]
    machine = detector(max_end_silence_time=300)
    machine.ComputeScores = types.MethodType(_take_scores, machine)
    # The published weights have one class of silence, the first. Off 0 and 1: the state machine takes logarithms.
    scores = 1 - scores[..., speech_pdfs].sum(-1, keepdims=True).clip(1e-6, 1 - 1e-6)
    heard = wave[:, : filterbank.FRAME + filterbank.SHIFT * (feats.shape[1] - 1)]
    given = torch.from_numpy(scores), torch.from_numpy(heard)
    found = machine(*given, cache=machine.init_cache({}), is_final=True, is_streaming_input=False)
    return np.array(found[0] if found else [], np.int64).reshape(-1, 2)


def _take_scores(self, scores, cache):
    """Stand in for `ComputeScores`, which runs the network."""
    self.vad_opts.nn_eval_block_size = scores.shape[1]
    cache["stats"].frm_cnt += scores.shape[1]
    cache["stats"].scores = scores


def recognise(stages, inputs, found):
    """Return logits and tokens of the segments, one after the other."""
    logits = []
    for first, last in found * (filterbank.SAMPLE_RATE // 1000):
        feats = stages["frontend"](wave=inputs["wave"][:, first:last])["feats"]
        lengths = np.array([feats.shape[1]], np.int32)
        rest = {name: inputs[name] for name in ("language", "textnorm")}
        logits.append(stages["encoder"](speech=feats, speech_lengths=lengths, **rest)["ctc_logits"][0])
    logits = np.concatenate(logits)
    return {"segments": found, "logits": logits, "tokens": logits.argmax(-1)}
