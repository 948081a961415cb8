// Lighting, shadows and noise shared by every visible surface. Units: centimetres; colours are linear.
uniform vec3 u_eye;                  // camera position
uniform vec3 u_light_dir[3];         // key, fill, rim: unit vectors towards the light
uniform vec3 u_light_col[3];
uniform vec3 u_sky;
uniform vec3 u_ground;
uniform vec3 u_side;                 // extra ambient light from the side of the fill light
uniform mat4 u_shadow_matrix;        // world -> clip space of the key light
uniform sampler2DShadow u_shadow_map;
uniform float u_exposure;

// Integer hash of a lattice point, the same on every driver; 0..1.
float hash(vec3 p) {
    uvec3 q = uvec3(ivec3(p)) * uvec3(1597334673u, 3812015801u, 2798796415u);
    uint n = (q.x ^ q.y ^ q.z) * 1597334673u;
    n = (n ^ (n >> 15)) * 2246822519u;
    return float(n >> 8) * (1.0 / 16777216.0);
}

// Value noise, one cell per unit; 0..1.
float noise(vec3 x) {
    vec3 i = floor(x);
    vec3 f = x - i;
    f = f * f * (3.0 - 2.0 * f);
    return mix(mix(mix(hash(i), hash(i + vec3(1, 0, 0)), f.x),
                   mix(hash(i + vec3(0, 1, 0)), hash(i + vec3(1, 1, 0)), f.x), f.y),
               mix(mix(hash(i + vec3(0, 0, 1)), hash(i + vec3(1, 0, 1)), f.x),
                   mix(hash(i + vec3(0, 1, 1)), hash(i + vec3(1, 1, 1)), f.x), f.y), f.z);
}

// Four rotated taps of the key light's shadow map; 1 = lit. The offset along the normal hides self-shadowing.
float shadow(vec3 p, vec3 n) {
    vec4 s = u_shadow_matrix * vec4(p + n * 0.12, 1.0);
    vec3 c = s.xyz * 0.5 + 0.5;
    float e = 0.0022;
    float v = 0.0;
    v += texture(u_shadow_map, vec3(c.xy + vec2(-1.1, -.5) * e, c.z - .0015));
    v += texture(u_shadow_map, vec3(c.xy + vec2(1., -1.) * e, c.z - .0015));
    v += texture(u_shadow_map, vec3(c.xy + vec2(-.6, 1.1) * e, c.z - .0015));
    v += texture(u_shadow_map, vec3(c.xy + vec2(.7, .7) * e, c.z - .0015));
    return v * 0.25;
}

vec3 ambient(vec3 n) {
    return mix(u_ground, u_sky, n.y * .5 + .5) + u_side * max(n.x * sign(u_light_dir[1].x), 0.0) * .35;
}

// Filmic curve (Narkowicz's fit of ACES), then gamma.
vec3 tone(vec3 c) {
    c = max(c * u_exposure, 0.0);
    c = (c * (2.51 * c + 0.03)) / (c * (2.43 * c + 0.59) + 0.14);
    return pow(clamp(c, 0.0, 1.0), vec3(1.0 / 2.2));
}

// GGX distribution of microfacets; nh = N.H, r = roughness.
float ggx(float nh, float r) {
    float a = r * r;
    float d = nh * nh * (a * a - 1.0) + 1.0;
    return a * a / (3.14159 * d * d);
}

// Unnormalised Gaussian spot at c with widths s.
float spot2(vec2 p, vec2 c, vec2 s) {
    vec2 d = (p - c) / s;
    return exp(-dot(d, d));
}
