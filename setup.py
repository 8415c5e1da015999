"""Packaging of bert_tf. The exact versions that were tested together stand in requirements.lock."""

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

CORE = [
    "tensorflow~=2.20.0",
    "tensorflow-text~=2.20.0",
    "tensorflow-datasets>=4.9.10,<5",
    "tensorflow-metadata<1.18",  # below tensorflow-datasets; later ones refuse protobuf 5, which Colab has
    "importlib_resources",  # etils, below tensorflow-datasets, needs it and does not declare it
    "keras>=3.15,<3.16",
    "keras-nlp==0.32.0",  # a shim that installs keras-hub of the same version
    "keras-hub==0.32.0",
    "h5py>=3",
    "pydantic>=2.10,<3",
    "PyYAML>=6",
    "pyarrow>=17",
    "safetensors>=0.5",  # keras-hub needs it for Hugging Face directories and does not declare it
    "scikit-learn>=1.5",
    "scipy>=1.11",
    "datasketch>=2,<3",  # MinHash; version 2 numbers its hashes otherwise than version 1
    "ijson>=3.3",
    "nltk>=3.9",  # its word tokeniser alone, for CMRC 2018's metric
    "tokenizers>=0.20",
    "tqdm>=4.66",
    "wcwidth>=0.2",
]
EXTRAS = {
    "garden": ["tf-models-official~=2.20.0"],
    "serving": [
        "tensorflow-serving-api~=2.20.0",
        "grpcio>=1.66",
        "grpcio-health-checking>=1.66,<1.72",  # later releases need protobuf 6, and Colab has 5
        "starlette>=0.45",
        "uvicorn>=0.34",
        "httpx>=0.28",
        "tenacity>=9",
    ],
    "notebooks": ["jupyterlab>=4", "matplotlib>=3.9", "nbclient>=0.10"],
    "demo": ["snownlp>=0.12.3"],
    "excel": ["openpyxl>=3.1"],
    "chinese": ["rjieba>=0.2"],
    "translation": ["sacrebleu>=2.4"],
    "beam": ["apache-beam>=2.77,<3"],
    "dev": [
        "openpyxl>=3.1",
        "pytest>=8",
        "pytest-xdist>=3.6",
        "hypothesis>=6",
        "seqeval>=1.2",
        "ruff>=0.9",
        "mypy>=1.14",
        "import-linter>=2",
        "types-PyYAML",
        "types-tqdm",
        "types-protobuf",
    ],
}
EXTRAS["all"] = sorted({requirement for extra in EXTRAS.values() for requirement in extra})


class BuildWithRecipes(build_py):
    """Puts ``configs/`` into the package as ``bert_tf/configs``; an editable installation reads the folder itself."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "bert_tf" / "configs"
            self.mkpath(str(target))
            for recipe in sorted(Path(__file__).with_name("configs").glob("*.yaml")):
                self.copy_file(str(recipe), str(target / recipe.name))


setup(
    name="bert-tf",
    version="0.1.0",
    description="BERT from zero to production: train, measure, export and serve with TensorFlow and Keras 3",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(include=["bert_tf", "bert_tf.*"]),
    package_data={
        "bert_tf": ["py.typed", "exporting/*.txt", "backbones/presets/*/*", "backbones/presets/*/assets/*/*"]
    },
    entry_points={"console_scripts": ["bert-tf = bert_tf.__main__:run"]},
    cmdclass={"build_py": BuildWithRecipes},
    install_requires=CORE,
    extras_require=EXTRAS,
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Natural Language :: English",
        "Natural Language :: Chinese (Simplified)",
    ],
)
