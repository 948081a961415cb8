in vec3 a_position;
in vec3 a_normal;
uniform mat4 u_mvp;
out vec3 p;
out vec3 n;

void main() {
    p = a_position;
    n = a_normal;
    gl_Position = u_mvp * vec4(a_position, 1.0);
}
