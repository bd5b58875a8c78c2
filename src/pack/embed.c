/* Writes C source with the bytes of files in it: embed OUT NAME... FILE... - built and run while Jindu is built. */
#include <stdio.h>
#include <stdlib.h>

static int one(FILE *out, int i, const char *path) {
    FILE *f = fopen(path, "rb");
    int c, n = 0;
    if (!f) return fprintf(stderr, "embed: cannot read %s\n", path), -1;
    fprintf(out, "static const unsigned char text%d[] = {", i);
    while ((c = getc(f)) != EOF) fprintf(out, "%s%d,", n++ % 24 ? "" : "\n", c);
    fprintf(out, "0};\n");
    return fclose(f);
}

int main(int argc, char **argv) {
    int n = (argc - 2) / 2;
    if (argc < 4 || argc % 2) return fprintf(stderr, "usage: embed OUT NAME... FILE...\n"), 2;
    FILE *out = fopen(argv[1], "w");
    if (!out) return fprintf(stderr, "embed: cannot write %s\n", argv[1]), 1;
    fprintf(out, "#include \"pack/embedded.h\"\n");
    for (int i = 0; i < n; i++)
        if (one(out, i, argv[2 + n + i])) return 1;
    fprintf(out, "const pack_embedded pack__embedded[] = {\n");
    for (int i = 0; i < n; i++) fprintf(out, "{\"%s\", (const char *)text%d, sizeof text%d - 1},\n", argv[2 + i], i, i);
    fprintf(out, "};\n");
    return fclose(out) ? 1 : 0;
}
