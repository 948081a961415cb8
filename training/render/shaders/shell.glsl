// Cloth: offset copies of parts of the head mesh, cut along a curve; the clothes (collar) or a knitted hat.
#include "mesh_inputs.glsl"
uniform vec3 u_colour;
uniform vec3 u_colour2;
uniform uint u_label;
uniform int u_hat;     // 0 clothes, 1 hat
uniform vec4 u_cut;    // height of the edge, its curve, strength of the second colour, stripes per radian
uniform vec3 u_seed;

void main() {
    float around = atan(abs(rest.x), rest.z + 1.) / 3.14159;  // 0 at the front, 1 at the back
    if (u_hat == 0) {
        float edge = u_cut.x - u_cut.y * pow(max(1. - around * 2.2, 0.), 1.5);
        if (rest.y > edge) discard;
    }
    if (u_hat == 1) {
        float edge = u_cut.x - u_cut.y * around;
        if (rest.y < edge) discard;
    }
    vec3 N = normalize(n);
    float weave;
    if (u_hat == 1) {
        float rib = sin(atan(rest.x, rest.z) * 46.);
        weave = .75 + .25 * rib;
        weave *= .85 + .3 * noise(rest * 6.);
        N = normalize(N + .25 * cos(atan(rest.x, rest.z) * 46.) * vec3(N.z, 0, -N.x));
    } else {
        weave = .85 + .3 * noise(rest * vec3(8, 8, 8) + u_seed) * .6 + .2 * (noise(rest * .8 + u_seed) - .5);
    }
    float second = u_hat == 0 ? step(.0, sin(rest.y * u_cut.w)) * u_cut.z
                              : u_cut.z * step(rest.y, u_cut.x + 2.2 - u_cut.y * around);
    vec3 albedo = mix(u_colour, u_colour2, second) * weave;
    vec3 light = ambient(N) * mix(1., occlusion, .7);
    for (int i = 0; i < 3; i++)
        light += u_light_col[i] * max((dot(N, u_light_dir[i]) + .15) / 1.15, 0.)
            * (i == 0 ? shadow(p, N) : mix(1., occlusion, .7));
    o_colour = vec4(tone(albedo * light), 1.);
    o_label = u_label;
}
