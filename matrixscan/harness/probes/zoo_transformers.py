# /// script
# requires-python = ">=3.8"
# dependencies = ["transformers==4.46.3; python_version < '3.10'", "transformers==5.23.0; python_version >= '3.10'"]
# [tool.matrixscan]
# license = "Apache-2.0 (transformers)"
# open-variants = true
# family = true
# export-size = { n = 2, t = 16 }
# run-sizes = [ { n = 3, t = 9 }, { n = 2, t = 33 } ]
# case-seconds = 240
# [tool.matrixscan.dynamic]
# input_ids = { 0 = "n", 1 = "t" }
# attention_mask = { 0 = "n", 1 = "t" }
# pixel_values = { 0 = "n" }
# input_values = { 0 = "n", 1 = "samples" }
# ///
"""Any encoder or decoder of transformers, untrained and small: a variant is a model_type such as bert or llama.

Plain attention ("eager"), no cache. Text goes in with its attention mask (padded on the right), speech without one;
seq2seq models give their encoder. `clip_text_model` and `clip_vision_model` are the halves of CLIP.
"""

import numpy as np
import torch

VISION = {"beit", "clip_vision_model", "convnext", "convnextv2", "deit", "dinov2", "mobilevit", "vit"}
SPEECH = {"data2vec-audio", "hubert", "unispeech", "wav2vec2", "wavlm"}

#: The same few dimensions under the names that the configurations have for them.
SMALL = dict(
    dict.fromkeys(("hidden_size", "d_model", "n_embd", "dim", "embedding_size", "word_embed_proj_dim"), 64),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "encoder_attention_heads"), 4),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "d_ff", "ffn_dim", "encoder_ffn_dim"), 128),
    **dict.fromkeys(("max_position_embeddings", "n_positions"), 128),
    num_key_value_heads=2,
    head_dim=16,
    d_kv=16,
    vocab_size=256,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
    image_size=64,
    patch_size=16,
    conv_dim=(32,) * 7,
    num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=4,
    use_cache=False,
)

#: What the published checkpoints say and the default configuration does not, or where SMALL does not fit.
PARTICULAR = {
    "deberta-v2": {
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_buckets": 16,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "position_biased_input": False,
        "type_vocab_size": 0,
    },
    "mobilebert": {"embedding_size": 32, "intra_bottleneck_size": 32},
}


class Text(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return _tensors(self.model(input_ids=input_ids, attention_mask=attention_mask))


class Vision(Text):
    def forward(self, pixel_values):
        return _tensors(self.model(pixel_values))


class Speech(Text):
    def forward(self, input_values):
        return _tensors(self.model(input_values))


def _tensors(outputs):
    """Return the named tensors alone: hidden states and attentions are not asked for, a cache is no output."""
    return {name: value for name, value in outputs.items() if torch.is_tensor(value)}


def build(variant):
    import transformers

    halves = {"clip_text_model": "CLIPText", "clip_vision_model": "CLIPVision"}
    if variant in halves:
        config = getattr(transformers, halves[variant] + "Config")(**SMALL)
        config._attn_implementation = "eager"  # noqa: SLF001  their classes have no public form of from_config
        model = getattr(transformers, halves[variant] + "Model")(config)
    else:
        config = transformers.AutoConfig.for_model(variant, **dict(SMALL, **PARTICULAR.get(variant, {})))
        model = transformers.AutoModel.from_config(config, attn_implementation="eager")
    if getattr(config, "is_encoder_decoder", False):
        model = model.get_encoder()
    return (Vision if variant in VISION else Speech if variant in SPEECH else Text)(model)


def inputs(size, random, variant):
    count, length = size["n"], size["t"]
    if variant in VISION:
        return {"pixel_values": random.standard_normal((count, 3, 64, 64)).astype(np.float32)}
    if variant in SPEECH:
        return {"input_values": random.standard_normal((count, 320 * length + 80)).astype(np.float32)}
    valid = random.randint(length // 2, length + 1, (count, 1))
    mask = np.arange(length) < np.maximum(valid, 1)
    tokens = random.randint(3, 256, (count, length))
    # CLIP takes the text's feature where the end token stands.
    tokens = np.where(np.arange(length) == valid - 1, 2, tokens)
    return {"input_ids": np.where(mask, tokens, 0).astype(np.int64), "attention_mask": mask.astype(np.int64)}
