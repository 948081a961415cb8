"""The generator on OpenVINO: an optional engine for processors, from a wheel (`pip install openvino`).

`bf16` halves the width of all numbers: on average it differs from float32 by less than 2/255 of the range of a picture.
It is fast on processors with matrix units for it (Intel AMX); on others it may be slower than `fp32`.
"""

from __future__ import annotations

import copy
import threading
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError, StyleIDError
from .stylegan2 import Generator
from .stylegan2_layers import SQRT2, ModulatedConv, StyledConv, ToRGB

__all__ = ["ENGINES", "Engine", "accelerate"]

ENGINES = ("torch", "openvino", "openvino-bf16")
_PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


def accelerate(generator: Generator, precision: str = "fp32") -> Engine:
    """The generator, compiled by OpenVINO for this processor; its weights as they are now, called like a Generator.

    Raises:
        InputError: a precision other than `fp32` and `bf16`, or a generator that is not on the CPU.
        StyleIDError: OpenVINO is not installed.
    """
    if precision not in _PRECISIONS:
        raise InputError(f"The precision of an engine is 'fp32' or 'bf16', found {precision!r}.")
    if generator.w_mean.device.type != "cpu":
        raise InputError(
            f"OpenVINO computes on the processor, found a generator on {generator.w_mean.device.type!r}. "
            "Load it on the device 'cpu', or use the engine 'torch'."
        )
    try:
        import openvino
    except ImportError as error:
        raise StyleIDError(
            "The engine needs OpenVINO, which is not installed. Install it: pip install openvino"
        ) from error
    return Engine(generator, openvino, _PRECISIONS[precision])


class Engine(nn.Module):
    """A compiled generator: `mapping`, `synthesis`, `w_mean`, `size` and `num_layers` as those of a Generator.

    It computes no gradients and draws no noise. Threads take turns.
    """

    differentiable = False

    def __init__(self, generator: Generator, openvino: Any, precision: str) -> None:
        super().__init__()
        self.config, self.size, self.num_layers = generator.config, generator.size, generator.num_layers
        self.style = generator.style
        self.register_buffer("w_mean", generator.w_mean)
        options = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        exact = generator if generator.w_mean.dtype == torch.float32 else copy.deepcopy(generator).float()
        model = _graph(exact, openvino)
        self._request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()
        self._turn = threading.Lock()

    def mapping(self, z: Tensor) -> Tensor:
        """Map normal codes `z` `[N,512]` to W `[N,512]`."""
        return self.style(z)

    def synthesis(self, w_plus: Tensor, noise: str = "const") -> Tensor:
        """Decode W+ `[N,L,512]` to images `[N,3,S,S]` in about [-1, 1], float32.

        Raises InputError for another shape, for noise other than `const` (the stored maps), and where a gradient is
        wanted.
        """
        shape = [len(w_plus), self.num_layers, self.config.latent_dim]
        if list(w_plus.shape) != shape:
            raise InputError(f"synthesis needs W+ codes of shape {shape}, found {list(w_plus.shape)}")
        if noise != "const":
            raise InputError(
                f"OpenVINO decodes with noise 'const', found {noise!r}. Use the engine 'torch' for another."
            )
        if torch.is_grad_enabled() and w_plus.requires_grad:
            raise InputError("OpenVINO computes no gradients. Use the engine 'torch' where they are wanted.")
        images = torch.empty(len(w_plus), 3, self.size, self.size)
        for image, codes in zip(images, w_plus.float().cpu().split(1), strict=True):
            with self._turn:
                (found,) = self._request.infer([codes.numpy()], share_outputs=True).values()
                image.copy_(torch.from_numpy(found)[0])
        return images


def _graph(generator: Generator, openvino: Any) -> Any:
    """The synthesis of one code with the stored noise, as an OpenVINO model."""
    build = _Builder(openvino.opset13)
    ops = build.ops
    w_plus = ops.parameter([1, generator.num_layers, generator.config.latent_dim], np.float32)
    rows = [
        ops.gather(w_plus, build.integers(layer), build.integers(1))  # [1, D]
        for layer in range(generator.num_layers)
    ]
    noise = [
        getattr(generator.noises, f"noise_{layer}") for layer in range(generator.num_layers - 1)
    ]  # [1, 1, s, s] each
    x = build.styled(build.constant(generator.input.input), generator.conv1, rows[0], noise[0])
    rgb = build.colours(x, generator.to_rgb1, rows[1])
    for block, to_rgb in enumerate(generator.to_rgbs):
        layer = 2 * block + 1
        x = build.styled(x, generator.convs[layer - 1], rows[layer], noise[layer])
        x = build.styled(x, generator.convs[layer], rows[layer + 1], noise[layer + 1])
        rgb = ops.add(build.colours(x, to_rgb, rows[layer + 2]), build.upsampled(rgb))
    return openvino.Model([rgb], [w_plus], "synthesis")


class _Builder:
    """Translates layers to OpenVINO operations; the equations are those of stylegan2_layers.py."""

    def __init__(self, ops: Any) -> None:
        self.ops = ops

    def constant(self, x: Tensor) -> Any:
        return self.ops.constant(x.detach().contiguous().numpy())

    def integers(self, *values: int) -> Any:
        return self.ops.constant(np.array(values if len(values) > 1 else values[0], dtype=np.int64))

    def styled(self, x: Any, layer: StyledConv, w: Any, noise: Tensor) -> Any:
        ops, conv = self.ops, layer.conv
        style = self._style(conv, w)  # [1, I]
        x = self._convolved(x, conv, style)
        weight = conv.weight[0] * conv.scale
        energy = weight.square().sum((2, 3)).t()  # [I, O]
        norm = ops.sqrt(
            ops.add(
                ops.matmul(ops.multiply(style, style), self.constant(energy), False, False), np.float32(1e-8)
            )
        )
        x = ops.divide(x, self._planes(norm))
        # The activation's gain of sqrt(2) is in its inputs.
        x = ops.multiply(x, np.float32(SQRT2))
        x = ops.add(x, self.constant(noise * layer.noise.weight * SQRT2))
        x = ops.add(x, self.constant(layer.activate.bias[None, :, None, None] * SQRT2))
        x = ops.prelu(x, ops.constant(np.array([0.2], dtype=np.float32)))
        return self._limited(x, layer.activate.limit)

    def colours(self, x: Any, layer: ToRGB, w: Any) -> Any:
        rgb = self._convolved(x, layer.conv, self._style(layer.conv, w))
        return self._limited(self.ops.add(rgb, self.constant(layer.bias)), layer.limit)

    def upsampled(self, rgb: Any) -> Any:
        """Twice the size with the [1, 3, 3, 1] kernel: inside and with a border of zeros, bilinear interpolation."""
        ops, edge = self.ops, self.integers(0, 0, 1, 1)
        padded = ops.pad(rgb, edge, edge, "constant", ops.constant(np.float32(0)))
        larger = ops.interpolate(
            padded, np.array([2.0, 2.0], dtype=np.float32), "linear_onnx", "scales",
            coordinate_transformation_mode="half_pixel", axes=np.array([2, 3]),
        )  # fmt: skip
        return ops.slice(
            larger, self.integers(2, 2), self.integers(-2, -2), self.integers(1, 1), self.integers(2, 3)
        )

    def _limited(self, x: Any, limit: float | None) -> Any:
        return x if limit is None else self.ops.clamp(x, -limit, limit)

    def _style(self, conv: ModulatedConv, w: Any) -> Any:
        affine = conv.modulation
        product = self.ops.matmul(w, self.constant(affine.weight * affine.scale), False, True)
        return self.ops.add(product, self.constant(affine.bias[None] * affine.lr_mul))

    def _planes(self, x: Any) -> Any:
        return self.ops.unsqueeze(x, self.integers(2, 3))  # [1, C, 1, 1]

    def _convolved(self, x: Any, conv: ModulatedConv, style: Any) -> Any:
        ops = self.ops
        x = ops.multiply(x, self._planes(style))
        weight = conv.weight[0] * conv.scale  # [O, I, k, k]
        if not conv.up:
            pad = [weight.shape[-1] // 2] * 2
            return ops.convolution(x, self.constant(weight), [1, 1], pad, pad, [1, 1])
        x = ops.convolution_backprop_data(
            x, self.constant(weight.transpose(0, 1)), [2, 2], None, [0, 0], [0, 0]
        )
        kernel = conv.blur_kernel(torch.float32)[:, :, None]  # [O, 1, 1, 4, 4]
        return ops.group_convolution(x, self.constant(kernel), [1, 1], [1, 1], [1, 1], [1, 1])
