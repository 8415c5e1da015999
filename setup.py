"""Builds bert_tf: all that is known of the package is in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithRecipes(build_py):
    """Puts ``configs/`` into the package as ``bert_tf/configs``; an editable installation reads the folder itself."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "bert_tf" / "configs"
            self.mkpath(str(target))
            for recipe in sorted(Path(__file__).with_name("configs").glob("*.yaml")):
                self.copy_file(str(recipe), str(target / recipe.name))


setup(cmdclass={"build_py": BuildWithRecipes})
