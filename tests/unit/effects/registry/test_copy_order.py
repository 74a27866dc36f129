"""For any artifact: nothing is stored before what it refers to, everything arrives, and the tag is set last."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from slipway.effects.registry import CopySource, CopyTarget, copy_artifact
from slipway.testing.artifacts import ArtifactDouble, cosign_signature, digest_of, image, index, referrer
from slipway.testing.registry import MemoryRegistry
from tests.unit.effects.registry.pairs import make_pair


@dataclass(frozen=True)
class Artifact:
    root: ArtifactDouble
    about: tuple[ArtifactDouble, ...]
    cosign: dict[str, ArtifactDouble]

    def digests(self) -> set[str]:
        parts = [
            *self.root.parts(),
            *(part for statement in self.about for part in statement.parts()),
            *self.cosign.values(),
        ]
        return {part.digest for part in parts}


layers = st.lists(st.sampled_from([b"a" * 10, b"b" * 200, b"c" * 3000, b""]), max_size=3)


@st.composite
def artifacts(draw: st.DrawFn) -> Artifact:
    images = [
        image(*draw(layers), architecture=f"arch{number}", docker=draw(st.booleans()))
        for number in range(draw(st.integers(1, 4)))
    ]
    root = images[0]
    if draw(st.booleans()):
        root = index(*images, docker=draw(st.booleans()))
        if draw(st.booleans()):
            root = index(root, image(b"beside"), note="outer")
    about: list[ArtifactDouble] = []
    for number in range(draw(st.integers(0, 4))):
        subject = draw(st.sampled_from([*root.parts(), *about]))
        about.append(referrer(subject, f"statement {number}".encode()))
    cosign = {}
    for subject in draw(st.lists(st.sampled_from([*root.parts(), *about]), max_size=2)):
        suffix = draw(st.sampled_from([".sig", ".att", ".sbom"]))
        cosign[subject.digest.replace(":", "-") + suffix] = cosign_signature(subject.digest.encode())
    return Artifact(root, tuple(about), cosign)


def _seed(registry: MemoryRegistry, artifact: Artifact) -> None:
    registry.seed("team/shop", artifact.root)
    for statement in artifact.about:
        registry.seed("team/shop", statement)
    for tag, signature in artifact.cosign.items():
        registry.seed("team/shop", signature, tag)
    if not registry.referrers_api:
        for subject in [*artifact.root.parts(), *artifact.about]:
            listed = [referrer for referrer in artifact.about if subject.digest.encode() in referrer.raw]
            if listed:
                registry.seed("team/shop", index(*listed), subject.digest.replace(":", "-"))


@given(artifact=artifacts(), source_api=st.booleans(), target_api=st.booleans())
def test_any_artifact_arrives_whole_in_order_and_tagged_last(
    artifact: Artifact, source_api: bool, target_api: bool
) -> None:
    pair = make_pair(source_api=source_api, target_api=target_api)
    _seed(pair.source, artifact)
    source = CopySource(registry=pair.from_source, repository="team/shop", digest=artifact.root.digest)
    target = CopyTarget(registry=pair.to_target, repository="prod/shop", digest=artifact.root.digest, tag="482")

    first = copy_artifact(source, target)  # the target refuses whatever arrives before what it refers to

    stored = {digest: raw for (_, digest), (raw, _) in pair.target.manifests.items()}
    assert artifact.digests() <= stored.keys()
    assert all(digest_of(raw) == digest for digest, raw in stored.items())
    assert set(first.manifests) == artifact.digests()
    assert pair.target.tags["prod/shop", "482"] == artifact.root.digest
    assert {tag: pair.target.tags["prod/shop", tag] for tag in artifact.cosign} == {
        tag: signature.digest for tag, signature in artifact.cosign.items()
    }
    assert pair.target.writes()[-1] == "PUT /v2/prod/shop/manifests/482"
    for subject in [*artifact.root.parts(), *artifact.about]:
        at_source = pair.from_source.referrers("team/shop", subject.digest).listed
        at_target = pair.to_target.referrers("prod/shop", subject.digest).listed
        assert {descriptor.digest for descriptor in at_source} == {descriptor.digest for descriptor in at_target}

    writes = len(pair.target.writes())
    second = copy_artifact(source, target)

    assert len(pair.target.writes()) == writes
    assert (second.blobs_copied, second.manifests_copied, second.bytes_copied) == (0, 0, 0)
    assert second.comparison == first.comparison
