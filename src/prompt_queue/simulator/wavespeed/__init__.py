"""The stand-in for WaveSpeed: a real HTTP server, labelled pictures, a log of charges."""
