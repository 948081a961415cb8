// Eyelash cards: strips of noise along u, fainter on the lower lid. Blended over the colours, never over the labels.
#include "mesh_inputs.glsl"
uniform float u_density;
uniform vec3 u_colour;

void main() {
    float lower = smoothstep(3.55, 3.35, rest.y - .10 * max(abs(rest.x) - 4.2, 0.));
    float k = noise(vec3(aux.x * 170., aux.z, 1.));
    float a = smoothstep(.35, .75, k + .25 * (u_density - .5)) * u_density * mix(1., .22, lower);
    o_colour = vec4(tone(u_colour * (ambient(vec3(0, 0, 1))) * .7), clamp(a, 0., 1.));
    o_label = LABEL_SKIN;
}
