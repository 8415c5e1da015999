"""Tokenisation: WordPiece exactly as BERT's, vocabularies, and the preprocessor of text models."""
