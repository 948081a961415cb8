// Skin: pigments, lips, brows, stubble, make-up, wrinkles and the scalp, painted on the template head.
// Everything symmetric is written for |x|; q = (|x|, y) in centimetres on the template.
#include "mesh_inputs.glsl"
uniform vec3 u_seed;
uniform vec4 u_skin;          // melanin, haemoglobin, blotchiness, gloss
uniform vec4 u_brow;          // half thickness, height, arch, density
uniform vec2 u_brow_ends;     // gap between the brows, extra length
uniform vec3 u_brow_col;
uniform vec3 u_beard;         // stubble on the moustache, goatee and jaw regions
uniform vec3 u_beard_col;
uniform vec4 u_makeup;        // lipstick, eye shadow, blush, liner
uniform vec3 u_lip_col;
uniform vec3 u_shadow_col;
uniform vec4 u_age;           // wrinkles, freckles, shadow under the eyes, coverage of the scalp
uniform vec3 u_scalp_col;
uniform float u_lip_red;

struct Noise { float large, medium, fine, grain; };
struct Areas { float front, lip, cheek, nose, under_eye, ear, lid; };
struct Wrinkles { float height, cavity; };
struct Brow { float area, hair; };

Areas areas(vec2 q) {
    Areas a;
    a.front = smoothstep(0.0, 4.0, rest.z);
    a.lip = smoothstep(-.06, .10, aux.y) * a.front;
    a.cheek = spot2(q, vec2(4.3, -.2), vec2(1.9, 1.8)) * a.front;
    a.nose = spot2(q, vec2(0, .4), vec2(1.3, 1.3)) * smoothstep(10., 11.5, rest.z);
    a.under_eye = (spot2(q, vec2(2.6, 2.1), vec2(1.25, .5))
        + .5 * spot2(q, vec2(1.75, 3.0), vec2(.5, .6))) * a.front;
    a.ear = clamp(aux.w, 0., 1.);
    a.lid = (spot2(q, vec2(3.2, 4.35), vec2(1.5, .55))) * a.front;
    return a;
}

float melanin(vec2 q, Noise v, Areas a) {
    float base = u_skin.x;
    float m = base * (1.0 + .26 * (v.large - .5) + .13 * (v.medium - .5) + .07 * (v.fine - .5))
        + .022 * (v.fine - .5);
    float dots = noise(rest * 7.1 + u_seed * 2.1) * .75 + noise(rest * 13. + u_seed) * .25;
    float freckles = smoothstep(.66, .95, dots)
        * 1.1 * u_age.y * (a.cheek + a.nose + .25 * spot2(q, vec2(0, 8), vec2(5, 3))) * (.35 + .2 * base);
    float age_spots = smoothstep(.74, .90, noise(rest * 1.9 + u_seed * 3.1)) * .07 * u_age.x;
    m += freckles + age_spots + a.under_eye * u_age.z * (.16 + .35 * base) + a.lid * .07 * (.4 + base)
        + .05 * spot2(q, vec2(0, -5.5), vec2(6, 3)) * base;
    return m;
}

float haemoglobin(vec2 q, Noise v, Areas a) {
    float mel = u_skin.x, base = u_skin.y;
    float blotches = 1.0 * (v.medium - .5) + 1.1 * (v.large - .5) + .45 * (v.fine - .5) + .35 * (v.grain - .5);
    float h = base * (1.0 + u_skin.z * blotches);
    h += (1. - .55 * mel) * a.cheek * (.15 + u_makeup.z * .42) + a.nose * .14 + a.ear * .16
        + a.under_eye * u_age.z * .16 + .1 * spot2(q, vec2(0, -6.3), vec2(1.3, .9)) + a.lid * .05;
    return h;
}

// Wrinkles and pores as a height field in centimetres; cavities also darken the colour.
Wrinkles wrinkles(vec2 q, Noise v, Areas a) {
    float ax = q.x;
    float h = 0.0;
    float w = u_age.x;
    float forehead = spot2(q, vec2(0, 8.9), vec2(4.6, 1.9)) * a.front;
    float line = rest.y + .25 * sin(ax * .8) + .35 * (v.medium - .5);
    h -= w * forehead * .03 * pow(.5 + .5 * sin(line * 5.2), 4.) * (.3 + .9 * v.large);
    vec2 corner = q - vec2(4.6, 3.3);  // crow's feet radiate from the outer corner of the eye
    float angle = atan(corner.y, corner.x), radius = length(corner);
    h -= w * .035 * pow(.5 + .5 * sin(angle * 11. + v.large * 3.), 3.) * smoothstep(.5, .9, radius)
        * (1. - smoothstep(1.3, 2.3, radius)) * step(0., corner.x) * a.front;
    float fold_x = 1.55 + .42 * (-rest.y - .6) * .95 - .05 * (rest.y + .6) * (rest.y + .6) * .3;
    float from_fold = (ax - fold_x);
    float nasolabial = exp(-from_fold * from_fold / .09) * smoothstep(-5.0, -3.0, rest.y)
        * (1. - smoothstep(-.6, .2, rest.y)) * a.front;
    h -= (.012 + w * .05) * nasolabial;
    float bag = exp(-pow((rest.y - (1.95 + .10 * (ax - 3.) * (ax - 3.))) / .16, 2.))
        * smoothstep(1.4, 2.2, ax)
        * (1. - smoothstep(3.8, 4.6, ax)) * a.front;
    h -= w * .06 * bag;
    // Frown lines between the brows, rings around the neck.
    h -= w * .05 * exp(-pow((ax - .55) / .12, 2.)) * spot2(vec2(0, rest.y), vec2(0, 6.3), vec2(1, .8)) * a.front;
    h -= w * .03 * pow(.5 + .5 * sin(rest.y * 3.3 + v.medium * 2.), 4.) * smoothstep(-8., -9.5, rest.y);
    float cavity = clamp(-h * 5.5, 0., .32);
    h += .012 * (v.fine - .5) + .008 * (v.grain - .5) * (1. + w)
        + a.lip * .03 * (noise(vec3(rest.x * 9., rest.y * 2.2, 3.) + u_seed) - .5);
    return Wrinkles(h, cavity);
}

// A curved band of short hairs whose direction turns from upright at the nose to lying at the temple.
Brow brow(vec2 q, Noise v, Areas a) {
    float ax = q.x;
    float start = 1.15 + u_brow_ends.x, end = 5.5 + u_brow_ends.y;
    float along = (ax - start) / (end - start);
    float dx = ax - 3.45;
    float centre = 6.2 + u_brow.y - (dx < 0. ? .085 : .19) * u_brow.z * dx * dx + .10 * u_brow.z;
    float width = u_brow.x * smoothstep(-.03, .22, along) * mix(1., .22, smoothstep(.4, 1.02, along)) + .02;
    float d = abs(rest.y - centre) / width;
    float area = (1. - smoothstep(.55, 1.12, d + .35 * (v.grain - .5))) * smoothstep(-.04, .04, along)
        * (1. - smoothstep(.93, 1.03, along)) * a.front;
    float angle = mix(1.25, -.25, smoothstep(0., .6, along));
    vec2 dir = vec2(cos(angle), sin(angle));
    vec2 hq = vec2(dot(q, dir), dot(q, vec2(-dir.y, dir.x)));
    float hairs = noise(vec3(hq.x * 2.2, hq.y * 15., rest.x > 0. ? 1. : 7.) + u_seed);
    float density = u_brow.w;
    return Brow(area, area * clamp((hairs - .25) * 2.1 + density - .45, 0., 1.) * clamp(.45 + density, 0., 1.));
}

float stubble(float dots, Noise v, Areas a) {
    float s = max(max(u_beard.x * smoothstep(-.25, .25, aux2.x), u_beard.y * smoothstep(-.3, .4, aux2.y)),
        u_beard.z * smoothstep(-.7, .7, aux2.z));
    s *= (1. - a.lip) * (.55 + .75 * (dots - .35) + .5 * (v.fine - .5));
    return clamp(s, 0., .95);
}

// Bump mapping without tangents (Mikkelsen, "Bump Mapping Unparametrized Surfaces on the GPU").
vec3 bumped(vec3 N, float h) {
    vec3 dpx = dFdx(p), dpy = dFdy(p);
    vec3 R1 = cross(dpy, N), R2 = cross(N, dpx);
    float det = dot(dpx, R1);
    vec3 gradient = sign(det) * (dFdx(h) * R1 + dFdy(h) * R2);
    return normalize(abs(det) * N - gradient + 1e-9 * N);
}

uint label(float brow_area, float scalp, float ax) {
    uint k = LABEL_SKIN;
    if (aux.z > 0.0) k = LABEL_NOSE;
    if (aux2.w > 0.0) k = LABEL_NECK;
    if (aux.w > .5) k = rest.x > 0. ? LABEL_L_EAR : LABEL_R_EAR;
    if (aux.y > 0. && rest.z > 8.) k = rest.y > (-3.36 - .03 * ax * ax) ? LABEL_U_LIP : LABEL_L_LIP;
    if (brow_area > .45) k = rest.x > 0. ? LABEL_L_BROW : LABEL_R_BROW;
    if (scalp > .55) k = LABEL_HAIR;
    return k;
}

void main() {
    float ax = abs(rest.x);
    vec2 q = vec2(ax, rest.y);
    float mel = u_skin.x;
    Noise v = Noise(noise(rest * .28 + u_seed), noise(rest * .9 + u_seed * 1.3), noise(rest * 3.1 + u_seed * 1.7),
        noise(rest * 9. + u_seed));
    Areas a = areas(q);
    float m = melanin(q, v, a), hb = haemoglobin(q, v, a);
    Wrinkles w = wrinkles(q, v, a);
    Brow b = brow(q, v, a);
    float dots = noise(rest * 14. + u_seed);
    float shaved = stubble(dots, v, a);
    float scalp = u_age.w * smoothstep(-.5, .45, aux.x + (v.fine - .5) * 1.0 + (dots - .5) * .6);

    // Colour: light absorbed by the two pigments (Beer-Lambert), then everything painted over it.
    vec3 albedo = vec3(.76, .635, .50) * exp(-m * vec3(1.03, 1.21, 1.31) * 2.25)
        * exp(-hb * (1. - .45 * mel) * vec3(.12, 1., 1.02));
    vec3 lips = vec3(.80, .56, .50) * exp(-(mel * .75 + .04) * vec3(1., 1.3, 1.42) * 1.8)
        * exp(-(.38 + u_skin.y * .9) * vec3(.10, 1., .85)) * (.9 + .25 * (v.grain - .5));
    lips = mix(lips, u_lip_col * (.9 + .2 * v.grain), u_makeup.x);
    albedo = mix(albedo, lips, a.lip * clamp(u_lip_red + u_makeup.x, 0., 1.));
    float eye_shadow = spot2(q, vec2(3.15, 4.55), vec2(1.75, .62)) * a.front;
    albedo = mix(albedo, u_shadow_col * (.35 + .65 * albedo), clamp(eye_shadow * u_makeup.y, 0., .85));
    float lash_line = 3.98 - .16 * (ax - 3.1) * (ax - 3.1);
    float liner = exp(-pow((rest.y - lash_line) / .13, 2.)) * step(1.7, ax) * step(ax, 5.2) * a.front;
    albedo *= 1. - u_makeup.w * .85 * liner;
    albedo = mix(albedo, u_beard_col * .8, shaved);
    albedo = mix(albedo, u_scalp_col * .9, clamp(scalp, 0., 1.));
    albedo = mix(albedo, u_brow_col, b.hair);
    albedo *= 1. - w.cavity;

    // Diffuse light: red spreads furthest below the skin, so each channel gets its own softness and normal.
    vec3 NS = normalize(n_smooth);
    vec3 N = bumped(normalize(n), w.height);
    vec3 V = normalize(u_eye - p);
    float lit = shadow(p, NS);
    float open = mix(1., occlusion, .92);
    vec3 open_rgb = pow(vec3(open), vec3(.75, 1., 1.08));
    vec3 wrap = vec3(.34, .17, .10);
    vec3 light = ambient(mix(N, NS, .3)) * open_rgb;
    for (int i = 0; i < 3; i++) {
        vec3 l = u_light_dir[i];
        float sharp = dot(N, l), soft = dot(NS, l);
        vec3 d = vec3(mix(sharp, soft, .75), mix(sharp, soft, .45), mix(sharp, soft, .3));
        d = max((d + wrap) / (1. + wrap), 0.0);
        vec3 s = i == 0 ? pow(vec3(lit), vec3(.65, 1., 1.15)) : mix(vec3(1.), open_rgb, .85);
        light += u_light_col[i] * d * s * mix(vec3(1.), open_rgb, .35);
    }
    vec3 c = albedo * light;
    float luma = dot(c, vec3(.3, .6, .1));
    c = mix(vec3(luma), c, 1.12 - .14 * mel);

    // Gloss: two lobes, stronger on the forehead, nose and lips.
    float gloss = u_skin.w * (1. - .42 * mel)
        * (.55 + .5 * spot2(q, vec2(0, 6), vec2(3, 5)) + .5 * a.nose + .9 * a.lip + .35 * a.cheek)
        * (1. - .7 * shaved) * (1. - scalp) * (1. - b.hair) * (.6 + .8 * v.grain);
    for (int i = 0; i < 3; i++) {
        vec3 H = normalize(u_light_dir[i] + V);
        float nl = max(dot(N, u_light_dir[i]), 0.0);
        float f = .028 + .972 * pow(1. - max(dot(V, H), 0.), 5.);
        c += u_light_col[i] * nl * f
            * (ggx(max(dot(N, H), 0.), .33 - .12 * a.lip) * .55 + ggx(max(dot(N, H), 0.), .52) * .6)
            * gloss * (i == 0 ? lit : open) * .72;
    }
    c += ambient(reflect(-V, N)) * pow(1. - max(dot(N, V), 0.), 4.) * .12 * open * (1. - scalp);
    o_colour = vec4(tone(c), 1.);
    o_label = label(b.area, scalp, ax);
}
