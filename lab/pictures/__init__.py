"""Faults around the purchase of pictures: is any bought twice, is any lost?"""
