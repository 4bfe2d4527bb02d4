"""Kaldi filter banks as a torch module of exportable operators, and waves to feed it."""

import numpy as np
import torch

SAMPLE_RATE = 16000
FRAME = 400  # samples, 25 ms
SHIFT = 160  # samples, 10 ms
FFT = 512
MELS = 80
MEAN = 12.0  # of the log filter banks, roughly


def speech(random, samples, voiced):
    """Return a wave of about speech's level: voiced stretches in faint noise.

    Args:
        random: NumPy RandomState.
        samples: length of the wave.
        voiced: pairs of first and last point of the voiced stretches, as shares of the length.
    """
    time = np.arange(samples) / SAMPLE_RATE
    level = np.full(samples, 3e-4)
    for first, last in voiced:
        level[int(first * samples) : int(last * samples)] = 0.1
    pitch = random.uniform(100, 250) * (1 + 0.05 * np.sin(2 * np.pi * random.uniform(2, 5) * time))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    tones = sum(random.uniform(0.3, 1) / order * np.sin(order * phase) for order in range(1, 16))
    return (level * (tones + random.standard_normal(samples)))[None].astype(np.float32)


def _mel_filters():
    """Kaldi's triangular filters from 20 Hz to half the sample rate, as (bins, mels)."""

    def mel(frequency):
        return 1127.0 * np.log(1.0 + frequency / 700.0)

    points = mel(20.0) + np.arange(MELS + 2) * (mel(SAMPLE_RATE / 2) - mel(20.0)) / (MELS + 1)
    left, centre, right = points[:-2], points[1:-1], points[2:]
    bins = mel(np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT)[:, None]
    filters = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre))
    filters[-1] = 0.0
    return np.maximum(0.0, filters)


class Frontend(torch.nn.Module):
    """Kaldi's log filter banks as funasr asks for them (Hamming window, no dither), stacked and normalised.

    Args:
        transform: how the spectrum of a frame is said: "rfft", "stft", "matmul" or "conv1d".
        stacks: triples of frames to stack, step and scale, one output each.
    """

    def __init__(self, transform, stacks):
        super().__init__()
        self.transform, self.stacks = transform, stacks
        # Mean subtraction, pre-emphasis and window are linear in the frame, and so one matrix.
        prepare = np.eye(FRAME) - np.eye(FRAME, k=-1) * 0.97
        prepare[0, 0] = 0.03
        prepare = np.hamming(FRAME)[:, None] * (prepare @ (np.eye(FRAME) - 1.0 / FRAME))
        angle = 2 * np.pi * np.outer(np.arange(FFT // 2 + 1), np.arange(FRAME)) / FFT
        spectrum = np.concatenate([np.cos(angle), -np.sin(angle)])
        folded = (spectrum @ prepare)[:, None, :]
        constants = {"prepare": prepare.T, "spectrum": spectrum.T, "folded": folded, "filters": _mel_filters()}
        for name, value in constants.items():
            self.register_buffer(name, torch.from_numpy(value.astype(np.float32)))

    def forward(self, wave):
        """Return the stacked features of a (1, samples) wave, one tensor for each stack."""
        power = self._power(wave * 32768.0)
        banks = torch.matmul(power, self.filters).clamp(min=1.1920929e-07).log()
        stacked = tuple((self._stack(banks, count, step) - MEAN) * scale for count, step, scale in self.stacks)
        return stacked[0] if len(stacked) == 1 else stacked

    def _power(self, wave):
        half = FFT // 2 + 1
        if self.transform == "conv1d":
            both = torch.nn.functional.conv1d(wave.unsqueeze(1), self.folded, stride=SHIFT).transpose(1, 2)
            return both[..., :half] ** 2 + both[..., half:] ** 2
        starts = torch.arange((wave.shape[1] - FRAME) // SHIFT + 1) * SHIFT
        frames = torch.matmul(wave[:, starts.unsqueeze(1) + torch.arange(FRAME)], self.prepare)
        if self.transform == "matmul":
            both = torch.matmul(frames, self.spectrum)
            return both[..., :half] ** 2 + both[..., half:] ** 2
        padded = torch.nn.functional.pad(frames, (0, FFT - FRAME))
        if self.transform == "rfft":
            return torch.fft.rfft(padded).abs() ** 2
        ones = torch.ones(FFT)
        # One window a frame. Exporters that know STFT know only the form that returns real and imaginary parts.
        both = torch.stft(padded[0], FFT, FFT, FFT, ones, center=False, return_complex=False)[:, :, 0]
        return (both[..., 0] ** 2 + both[..., 1] ** 2).unsqueeze(0)

    def _stack(self, banks, count, step):
        # The first frame and the last one are repeated beyond the ends.
        rows = torch.arange(0, banks.shape[1], step).unsqueeze(1) + torch.arange(count)
        padded = torch.cat([banks[:, :1]] * ((count - 1) // 2) + [banks] + [banks[:, -1:]] * count, dim=1)
        return padded[:, rows].flatten(2)
