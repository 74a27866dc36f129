"""A manual rollback through the real flow: what comes back, and what the plan says if something is gone."""

from slipway.domain.commands import Verb
from slipway.domain.release import Phase
from slipway.testing import ADA, Installation, MemoryBlobs


def two_live(installation: Installation) -> None:
    for number, tag in ((1, "1.0"), (2, "2.0")):
        installation.push(tag)
        installation.settle()
        installation.vote(number, ADA)
        installation.settle()


def test_the_manifests_and_the_image_of_the_earlier_release_come_back(installation: Installation) -> None:
    two_live(installation)
    installation.command(Verb.ROLLBACK, 1, "production", reason="2.0 loses orders")
    installation.settle()
    assert installation.phase(3) is Phase.COMPLETED
    assert installation.production.digest("shop") == installation.release(1).digest
    plan = installation.app.reader.plan(installation.release(3).plan_hash or "")
    earlier_plan = installation.app.reader.plan(installation.release(1).rollouts[-1].plan_hash or "")
    assert (plan.manifests, plan.rollback, plan.warnings) == (earlier_plan.manifests, 1, ())
    assert "copy.requested" not in [record.action for record in installation.trail() if record.release == "shop-3"]
    assert installation.verify().intact


def test_a_rollback_in_staging_runs_the_acceptance_tests_again(installation: Installation) -> None:
    two_live(installation)
    jobs_before = len(installation.staging.jobs_started)
    installation.command(Verb.ROLLBACK, 1, "staging")
    installation.settle()
    assert installation.phase(3) is Phase.COMPLETED
    assert len(installation.staging.jobs_started) == jobs_before + 1


def test_the_plan_warns_when_the_manifests_are_gone_and_uses_the_present_ones(installation: Installation) -> None:
    two_live(installation)
    assert isinstance(installation.blobs, MemoryBlobs)
    del installation.blobs.documents[installation.release(1).rollouts[-1].plan_hash or ""]
    installation.command(Verb.ROLLBACK, 1, "production")
    installation.settle()
    assert installation.phase(3) is Phase.COMPLETED
    (warning,) = installation.app.reader.plan(installation.release(3).plan_hash or "").warnings
    assert warning == "the manifests of shop-1 are no longer stored: the current ones are used, with its image"
    plan_record = next(
        record for record in installation.trail() if record.release == "shop-3" and record.action == "plan.made"
    )
    assert plan_record.details["warnings"] == [warning]
    assert installation.production.digest("shop") == installation.release(1).digest


def test_an_image_that_the_environments_registry_has_lost_is_copied_once_more(installation: Installation) -> None:
    two_live(installation)
    installation.prod.lose("team/shop", installation.release(1).digest or "")
    installation.command(Verb.ROLLBACK, 1, "production")
    installation.settle()
    assert installation.phase(3) is Phase.COMPLETED
    assert (
        "copied from nonprod again" in installation.app.reader.plan(installation.release(3).plan_hash or "").warnings[0]
    )


def test_an_image_that_is_gone_everywhere_is_not_rolled_out(installation: Installation) -> None:
    two_live(installation)
    for registry in (installation.prod, installation.nonprod):
        registry.lose("team/shop", installation.release(1).digest or "")
    installation.command(Verb.ROLLBACK, 1, "production")
    installation.settle()
    assert installation.phase(3) is Phase.FAILED
    assert "is gone, from prod and nonprod" in installation.release(3).reason
    assert installation.production.digest("shop") == installation.release(2).digest


def test_an_image_that_only_the_environments_registry_still_has_comes_back_from_there(
    installation: Installation,
) -> None:
    two_live(installation)
    installation.nonprod.lose("team/shop", installation.release(1).digest or "")
    installation.command(Verb.ROLLBACK, 1, "production")
    installation.settle()
    assert installation.phase(3) is Phase.COMPLETED
