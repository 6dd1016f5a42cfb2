"""Do explanations help to predict a model? (Colin, Fel, Cadène and Serre, NeurIPS 2022).

Participants are simulated here; those of `sparks_thesis.human_study` are people.
"""
