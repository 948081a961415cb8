"""The training code: one step of every network, its figures and its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from styleid.networks.heads import AttributeConfig, AttributeNet, LandmarkConfig, LandmarkNet
from styleid.networks.irse import IRSE, IRSEConfig
from styleid.networks.psp import EncoderConfig, build_encoder
from styleid.networks.stylegan2 import Generator, GeneratorConfig
from styleid.networks.unet import ParserConfig, UNetParser
from training.adversary import Sharpener
from training.data import PERSON, Heads
from training.detail import extended, grown, train_detail
from training.encoder import Critics, looking_again, train_together
from training.evaluate import evaluate_random_faces, frechet_distance
from training.generator import AutoencoderTrainer, Stage, identity_crop
from training.mapping import APART, fit_mapping, move_origin, normal_mapping
from training.parser import overlap_loss
from training.recogniser import JUDGE, RECOGNISER, ParameterHead, build, candidates
from training.regressors import balanced, evaluate_attributes
from training.sheets import between, mixed, samples


def test_a_sharpener_asks_for_lightness_and_no_colour() -> None:
    """As much as all else asks for, times a share, and only where it is to count."""
    torch.manual_seed(0)
    pictures = torch.rand(2, 3, 32, 32, requires_grad=True)
    sharpener = Sharpener()
    weight = torch.ones(2, 1, 32, 32)
    weight[..., :8] = 0
    wrong = sharpener.gradient(pictures.square().mean(), pictures, weight, 0.0)
    torch.testing.assert_close(wrong, 2 * pictures.detach() / pictures.numel())
    more = sharpener.gradient(pictures.square().mean(), pictures, weight, 0.5) - wrong
    torch.testing.assert_close(more.flatten(1).norm(dim=1), 0.5 * wrong.flatten(1).norm(dim=1))
    torch.testing.assert_close(more, more.mean(1, keepdim=True).expand_as(more))
    assert not more[..., :8].any() and more[..., 8:].any()


def test_a_sharpener_learns_what_blurred_pictures_lack() -> None:
    torch.manual_seed(0)
    sharpener = Sharpener(rate=2e-3)
    for _ in range(40):
        real = torch.rand(8, 3, 32, 32)
        sharpener.learn(real, F.avg_pool2d(real, 5, 1, 2))
    real = torch.rand(8, 3, 32, 32)
    sharp, soft = (sharpener.discriminator(x)[0].mean() for x in (real, F.avg_pool2d(real, 5, 1, 2)))
    assert sharp > soft + 0.5


def test_identity_crop_takes_the_inner_face() -> None:
    image = torch.zeros(1, 3, 256, 256)
    image[:, :, 35:223, 32:220] = 1
    torch.testing.assert_close(identity_crop(image, 112), torch.ones(1, 3, 112, 112))


def test_the_mapping_is_the_normal_distribution_it_is_given() -> None:
    torch.manual_seed(0)
    generator, _ = small_autoencoder()
    components = torch.randn(256, 512) / 16
    mean = 5 * components.norm(dim=0)
    normal_mapping(generator.style, mean, components)
    z = torch.randn(100, 512)
    scaled = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
    torch.testing.assert_close(
        generator.mapping(z), mean + scaled[:, :256] @ components, atol=1e-3, rtol=1e-3
    )


def test_another_origin_of_w_leaves_every_picture() -> None:
    generator, encoder = small_autoencoder()
    images, by = torch.rand(2, 3, 64, 64) * 2 - 1, torch.randn(512)
    codes = encoder(images)
    before = generator.synthesis(codes)
    move_origin(generator, [encoder], by)
    torch.testing.assert_close(encoder(images), codes + by)
    torch.testing.assert_close(generator.synthesis(codes + by), before, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_random_faces_differ_as_persons_and_as_pictures_of_one_person_do(heads: Heads) -> None:
    """The ten persons are noise, and the encoder knows nothing: what counts is that it is their distribution."""
    generator, encoder = small_autoencoder()
    picture = generator.synthesis(encoder(heads.images(np.arange(2))))
    fit_mapping(heads, generator, encoder)
    torch.testing.assert_close(
        generator.synthesis(encoder(heads.images(np.arange(2)))), picture, atol=1e-4, rtol=1e-3
    )
    of_each = [
        encoder(heads.images(heads.train[heads.ident[heads.train] == one])).mean(1) for one in range(10)
    ]
    persons = torch.stack([codes.mean(0) for codes in of_each])
    pictures = torch.cat([codes - codes.mean(0) for codes in of_each])
    drawn = generator.mapping(torch.randn(4000, 512))
    torch.testing.assert_close(generator.w_mean, persons.mean(0), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(drawn.mean(0), persons.mean(0), atol=0.02, rtol=0.02)
    wanted = (APART * persons.std(0)).square() + pictures.std(0).square()
    assert float(drawn.var(0).sum() / wanted.sum()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("recipe", [RECOGNISER, JUDGE], ids=lambda recipe: recipe.name)
def test_the_margin_makes_the_right_person_harder(recipe) -> None:
    head = ParameterHead(recipe)
    embedding = torch.nn.functional.normalize(torch.randn(4, 512, generator=torch.manual_seed(0)))
    persons, label = torch.randn(7, len(PERSON)), torch.tensor([0, 2, 4, 6])
    invented = torch.get_rng_state()
    plain = head(embedding, persons, label, 0.0)
    torch.set_rng_state(invented)
    hard = head(embedding, persons, label, 0.2)
    assert plain.shape == (4, 14)  # seven persons, and as many who were never rendered
    own = torch.nn.functional.one_hot(label, 14).bool()
    assert (hard[own] < plain[own]).all()
    assert torch.equal(hard[~own], plain[~own])


def test_a_person_is_no_negative_of_itself(heads: Heads) -> None:
    person = heads.person(np.arange(len(heads.ident)))
    batch = np.array([7, 3, 8, 20])  # persons 1, 0, 1, 4
    persons, label = candidates(
        heads.ident[batch], person[batch], person[np.unique(heads.ident, return_index=True)[1]]
    )
    assert torch.equal(persons[label], person[batch])
    assert len(persons) == len(persons.unique(dim=0)) == 12


def test_recognisers_differ_in_architecture() -> None:
    assert type(build(RECOGNISER)) is not type(build(JUDGE))


def test_one_step_of_each_kind_moves_generator_encoder_and_gates(heads: Heads, tmp_path: Path) -> None:
    parser = UNetParser(ParserConfig(widths=(4, 8, 8, 8, 8)))
    recogniser = IRSE(IRSEConfig(units=(1, 1, 1, 1), widths=(16, 16, 16, 16)))
    trainer = AutoencoderTrainer(heads, parser, recogniser, tmp_path, size=64)
    trainer.stage = Stage(size=32, steps=2, batch=8, gates=True)
    before = [
        trainer.gates.clone(),
        trainer.generator.conv1.conv.weight.clone(),
        trainer.encoder.linear.weight.clone(),
    ]
    for step in range(2):
        for group in trainer.optimiser.param_groups:
            group["lr"] = 1e-3
        trainer._step(step, adversarial=True)
    after = [trainer.gates, trainer.generator.conv1.conv.weight, trainer.encoder.linear.weight]
    for old, new in zip(before, after, strict=True):
        assert new.isfinite().all()
        assert not torch.equal(old, new)


def small_autoencoder() -> tuple[Generator, torch.nn.Module]:
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(size=64, channels=(8, 8, 8, 8, 8), mapping_layers=2))
    shape = EncoderConfig(
        layers=10, units=(1, 1, 1, 1), widths=(16, 16, 16, 16), input_size=32, pool=2, hidden=16
    )
    return generator, build_encoder(shape).eval()


def test_frechet_distance_of_normal_distributions() -> None:
    torch.manual_seed(0)
    points = torch.randn(20000, 3)
    moved = torch.randn(20000, 3) * torch.tensor([1.0, 2.0, 3.0]) + torch.tensor([2.0, 0.0, 0.0])
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-5)
    # the squares of how far the means and the deviations are apart: 2; 0, 1 and 2
    assert frechet_distance(points, moved) == pytest.approx(4 + 0 + 1 + 4, rel=0.02)


def test_random_faces_are_compared_with_held_out_heads(heads: Heads) -> None:
    generator, _ = small_autoencoder()
    net = build(JUDGE).eval()
    found = evaluate_random_faces(generator, net, heads, count=10, pairs=2, steps=4)
    assert found["frechet_distance_of_training_heads"] < found["frechet_distance_of_random_faces"]
    assert found["largest_step_between_random_faces"] >= 1
    assert -1 <= found["judge_cosine_between_random_faces"] <= 1


def test_growing_keeps_the_picture() -> None:
    generator, encoder = small_autoencoder()
    image = torch.rand(2, 3, 64, 64) * 2 - 1
    large = grown(generator)
    codes, more = encoder(image), extended(encoder, large.num_layers)(image)
    assert torch.equal(more[:, :10], codes)
    assert torch.equal(more[:, 10], codes[:, 9]) and torch.equal(more[:, 11], codes[:, 9])
    before, after = generator.synthesis(codes), large.synthesis(more)
    assert after.shape[-1] == 2 * before.shape[-1]
    difference = torch.nn.functional.avg_pool2d(after, 2)[:, :, 2:-2, 2:-2] - before[:, :, 2:-2, 2:-2]
    assert difference.abs().mean() < 0.3 * before.std()


def test_texture_is_learned_by_the_last_block_alone(heads: Heads, exchanged: Heads, tmp_path: Path) -> None:
    generator, encoder = small_autoencoder()
    large = grown(generator)
    encoder = extended(encoder, large.num_layers)
    frozen = {name: value.clone() for name, value in large.state_dict().items()}
    parser = UNetParser(ParserConfig(widths=(4, 8, 8, 8, 8)))
    train_detail(heads, exchanged, large, encoder, parser, [4, 5], tmp_path, steps=3, count=6)
    moved = {name for name, value in large.state_dict().items() if not torch.equal(value, frozen[name])}
    upper = ("convs.8.", "convs.9.", "to_rgbs.4.")
    assert moved
    assert all(name.startswith(upper) for name in moved)


def test_an_encoder_that_looks_again_begins_as_it_was() -> None:
    _, encoder = small_autoencoder()
    """Squares of four pixels are averaged at first, as when the encoder saw a picture of half the size."""
    picture, anything = torch.rand(2, 2, 3, 64, 64)
    again = looking_again(encoder).eval()
    seen = again(torch.cat([picture, anything], 1))
    torch.testing.assert_close(seen, encoder(F.avg_pool2d(picture, 2)), atol=1e-5, rtol=1e-4)
    assert again.input_size == 64
    assert looking_again(again) is again


def test_encoder_and_generator_learn_together(heads: Heads, exchanged: Heads, tmp_path: Path) -> None:
    generator, encoder = small_autoencoder()
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    parser = UNetParser(ParserConfig(widths=(4, 8, 8, 8, 8)))
    recogniser = IRSE(IRSEConfig(units=(1, 1, 1, 1), widths=(16, 16, 16, 16), input_size=32))
    landmarks = LandmarkNet(
        LandmarkConfig(units=(1, 1, 1, 1), widths=(16, 16, 16, 16), input_size=32, hidden=8)
    )
    attributes = AttributeNet(
        AttributeConfig(
            names=heads.names, units=(1, 1, 1, 1), widths=(16, 16, 16, 16), input_size=32, hidden=8
        )
    )
    critics = Critics(parser, recogniser, landmarks, attributes)
    generator, encoder = train_together(
        heads, exchanged, generator, encoder, critics, [4, 5], tmp_path, steps=6
    )
    assert encoder.config.input_nc == 6
    assert bool(encoder.state_dict()["input_layer.0.weight"][:, 12:].any())
    moved = {name for name, value in generator.state_dict().items() if not torch.equal(value, before[name])}
    assert "conv1.conv.weight" in moved
    assert not any(name.startswith(("style.", "noises.", "w_mean")) for name in moved)


def test_half_confidence_is_where_both_answers_are_right_equally_often(heads: Heads) -> None:
    torch.manual_seed(0)
    config = AttributeConfig(
        names=heads.names, units=(1, 1, 1, 1), widths=(16, 16, 16, 16), input_size=32, hidden=8
    )
    net = AttributeNet(config).eval()
    net.head[-1].bias.data -= 2.0  # leans towards "no" everywhere
    before = evaluate_attributes(net, heads, heads.train)
    after = evaluate_attributes(balanced(net, heads), heads, heads.train)
    assert set(before.values()) == {0.5}
    assert min(after.values()) > 0.5


def test_overlap_loss_ends_at_the_right_labels() -> None:
    labels = torch.tensor([[[0, 0, 1], [1, 2, 2], [2, 2, 2]]])
    right = 50.0 * torch.nn.functional.one_hot(labels, 19).permute(0, 3, 1, 2)
    assert overlap_loss(right, labels) < 1e-4
    assert overlap_loss(right.roll(1, 1), labels) > 0.99


def test_the_model_cards_pictures(heads: Heads, tiny_family) -> None:
    side = tiny_family.generator.size
    assert samples(tiny_family, 0.7, side=2).shape == (2 * side, 2 * side, 3)
    assert mixed(tiny_family, count=2).shape == (3 * side, 3 * side, 3)
    pictures = between(tiny_family, pairs=1)
    columns = tiny_family.generator.num_layers + 1
    assert pictures.shape == (2 * side, columns * side, 3)
    straight, crossed = pictures.split(side)
    torch.testing.assert_close(straight[:, :side], crossed[:, :side])  # both go from one face
    torch.testing.assert_close(straight[:, -side:], crossed[:, -side:])  # to the other
