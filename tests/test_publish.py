"""Where the documentation of a branch or a tag goes (.ci/publish, .ci/gh-pages)."""

import json
import os
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / ".ci" / "publish"
if not SCRIPT.exists():
    pytest.skip("needs the source tree", allow_module_level=True)
publish = runpy.run_path(str(SCRIPT))["publish"]


def put(tmp_path, ref, text, pages="pages"):
    """Publish a site whose only page says `text`."""
    site = tmp_path / "site"
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir()
    (site / "index.html").write_text(text)
    publish(site, tmp_path / pages, ref)


def on_it(pages):
    """What the pages of each folder say."""
    return {path.parent.name: path.read_text() for path in pages.glob("*/index.html")}


def menu(pages):
    entries = json.loads((pages / "switcher.json").read_text())
    return {entry["version"]: entry for entry in entries}


def test_folders_of_a_branch_and_of_releases(tmp_path):
    pages = tmp_path / "pages"
    put(tmp_path, "main", "a")
    assert on_it(pages) == {"dev": "a"}
    assert "url=dev/index.html" in (pages / "index.html").read_text()
    assert menu(pages).keys() == {"dev"}

    put(tmp_path, "v0.9.0", "b")
    assert on_it(pages) == {"dev": "a", "0.9": "b", "stable": "b"}
    assert "url=stable/index.html" in (pages / "index.html").read_text()

    put(tmp_path, "v0.10.0", "c")
    put(tmp_path, "main", "d")
    put(tmp_path, "v0.9.1", "e")  # an earlier minor version is mended
    assert on_it(pages) == {"dev": "d", "0.9": "e", "0.10": "c", "stable": "c"}
    found = menu(pages)
    assert list(found) == ["dev", "0.10", "0.9"]
    assert [entry.get("preferred", False) for entry in found.values()] == [0, 1, 0]
    assert found["0.10"]["url"].endswith("/stable/")
    assert found["0.9"]["url"].endswith("/0.9/")
    assert (pages / ".nojekyll").exists()


def test_what_is_gone_from_a_version_is_gone(tmp_path):
    put(tmp_path, "main", "a")
    (tmp_path / "pages" / "dev" / "old.html").touch()
    put(tmp_path, "main", "b")
    assert not (tmp_path / "pages" / "dev" / "old.html").exists()


@pytest.mark.parametrize("ref", ["v0.2.0rc1", "v0.2", "0.2.0", "topic", "v0.2.0/x"])
def test_other_branches_and_tags_are_refused(ref, tmp_path):
    with pytest.raises(SystemExit, match=ref):
        put(tmp_path, ref, "a")


@pytest.fixture
def branch(tmp_path, monkeypatch):
    """Publishes on the branch gh-pages of a repository, as the workflow does."""
    if not shutil.which("git"):
        pytest.skip("needs git")
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / ".ci", clone / ".ci")
    shutil.copy(ROOT / "pyproject.toml", clone)
    (clone / "site").mkdir()
    repository = tmp_path / "repository.git"
    subprocess.run(["git", "init", "--quiet", "--bare", repository], check=True)

    def git(*arguments):
        command = ["git", "--git-dir", repository, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True)

    def run(ref, text, where=repository):
        (clone / "site" / "index.html").write_text(text)
        variables = {"REPOSITORY": f"file://{where}", "GITHUB_REF_NAME": ref}
        return subprocess.run(
            [clone / ".ci" / "gh-pages"],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
        )

    run.git = git
    return run


def test_the_branch_has_one_commit_with_all_versions(branch):
    for ref, text in [("main", "a"), ("v0.1.0", "b"), ("main", "c")]:
        done = branch(ref, text)
        assert done.returncode == 0, done.stderr
    assert branch.git("rev-list", "--count", "gh-pages").stdout == "1\n"
    for folder, text in {"dev": "c", "0.1": "b", "stable": "b"}.items():
        assert branch.git("show", f"gh-pages:{folder}/index.html").stdout == text


def test_a_repository_that_does_not_answer_is_not_an_empty_one(branch, tmp_path):
    done = branch("main", "a", tmp_path / "nowhere.git")
    assert done.returncode != 0
    assert branch("main", "a").returncode == 0  # the branch is made the first time
