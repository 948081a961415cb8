#include "common.glsl"
in vec3 p;           // posed position
in vec3 n;           // normal
in vec3 n_smooth;    // normal averaged over the neighbourhood: light spreads below the skin
in vec3 rest;        // position on the template head: textures are painted in this space
in vec4 aux;         // hair region, lip region, nose label, ear weight (lashes: u, v in the first two)
in vec4 aux2;        // moustache, goatee, jaw beard region, neck label
in float occlusion;  // baked on the template; 1 = open
layout(location = 0) out vec4 o_colour;
layout(location = 1) out uint o_label;
