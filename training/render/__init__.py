"""Renders synthetic heads with exact labels: the only pictures the embedded networks are trained on.

No real person's photograph is involved: the shapes come from ICT-FaceKit, a morphable model under the MIT
licence, and everything else (skin, hair, clothes, light) is procedural. See README.md in this folder for how
to make the data set. Units are centimetres; +x is the subject's left, +y up, +z out of the face.
"""
