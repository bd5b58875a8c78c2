// A phone is known by its width, as in the style sheets; what is more than style asks here.
import { onScopeDispose, ref, type Ref } from "vue";

export function usePhone(): Ref<boolean> {
    const query = matchMedia("(max-width: 640px)");
    const is = ref(query.matches);
    const see = (): void => void (is.value = query.matches);
    query.addEventListener("change", see);
    onScopeDispose(() => query.removeEventListener("change", see));
    return is;
}
